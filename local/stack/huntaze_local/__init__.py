"""The whole platform on loopback: PostgreSQL, object store, QStash and the four services."""
