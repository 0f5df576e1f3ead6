"""Finding runs, and tables of what they hold."""
