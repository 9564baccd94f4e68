"""How each actor's rows are read: one module a platform, with the traps that were met in real rows."""
