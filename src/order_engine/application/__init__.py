"""The application: the engine that takes orders in and drives them to an end."""
