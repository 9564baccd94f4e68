"""Benchmarks: ratios side by side with a peer or a floor, taken alternating in one run."""
