"""The alerts worker: rules, states, notifications."""
