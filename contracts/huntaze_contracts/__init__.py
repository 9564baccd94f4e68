"""Typed messages that cross a service border. Each module is one service's; `registry` lists the workers."""
