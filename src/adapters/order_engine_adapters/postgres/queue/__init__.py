"""The queue between processes that share a database: LISTEN and NOTIFY."""
