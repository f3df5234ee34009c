"""What lies between a simulated process and its repository and queue."""
