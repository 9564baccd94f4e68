"""Typed messages that cross a service border."""
