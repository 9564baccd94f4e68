"""From a due message in the store to an attempt at its destination, and back."""
