"""An open, durable, wire-compatible QStash server for development and tests."""
