"""Finding runs, and making tables of their data."""
