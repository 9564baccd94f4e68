"""The `/v2` surface, one module per resource; each handler turns one request into one answer."""
