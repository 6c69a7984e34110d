"""The trail beyond its sole writer: its chain of hashes, how it is searched and read, and what of it is shown."""
