"""People from a file: reading it, the hashes in it, and looking at each of its lines."""
