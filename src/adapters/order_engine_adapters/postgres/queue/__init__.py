"""The doorbell between processes that share a database: LISTEN and NOTIFY."""
