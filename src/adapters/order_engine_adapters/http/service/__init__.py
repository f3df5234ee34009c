"""The endpoints about the service itself: health, metrics, start page, API documentation."""
