"""The forms that messages take: one module per kind of channel, each a pure function to a request."""
