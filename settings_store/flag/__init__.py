"""Feature flags: their rules, who gets what by them, and the copy of them that every process keeps."""
