"""The schema: its migrations, the privileges it needs, and its checks."""
