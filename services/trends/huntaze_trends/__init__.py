"""The trends worker: scrape posts, detect and score what rises."""
