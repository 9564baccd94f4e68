"""What qstash-local does per second, and what it needs for it."""
