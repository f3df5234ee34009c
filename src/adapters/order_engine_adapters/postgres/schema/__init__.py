"""The schema: migrations, required privileges and checks."""
