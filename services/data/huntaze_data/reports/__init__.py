"""Reports: what a creator's week, month or chosen days were like, in five formats."""
