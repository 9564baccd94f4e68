"""The data worker: daily analytics, statistics, reports, retention."""
