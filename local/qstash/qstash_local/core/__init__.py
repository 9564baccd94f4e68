"""The rules of QStash as pure functions and values: no HTTP, no disk, time only through a clock."""
