"""Everything that must survive a crash: one SQLite file, changed only inside group commits."""
