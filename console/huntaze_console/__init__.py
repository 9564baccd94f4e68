"""The console: pages over the same public APIs as everyone else's, QStash's and the services' status APIs."""
