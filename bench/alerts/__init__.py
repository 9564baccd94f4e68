"""The alerts worker: rules and instances a second beside one query a rule, a quiet tick, a storm."""
