"""The library on PostgreSQL beside PgQueuer, Procrastinate, and what one-row INSERTs alone cost."""
