"""The decoding process, from outside: what it finds, what it refuses, and that it can always be stopped."""
