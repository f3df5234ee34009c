"""`POST /orders/batch`: many orders in one request, read and answered one by one."""
