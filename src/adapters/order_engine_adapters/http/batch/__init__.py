"""`POST /orders/batch`: many orders in one request, processed as a stream."""
