"""Arrays that a run computes again instead of storing them: run again, compared, kept for a while; decision 0047."""
