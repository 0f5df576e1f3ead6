"""Projects that are somewhere else: behind a URL, or in a file object. Decision 0043."""
