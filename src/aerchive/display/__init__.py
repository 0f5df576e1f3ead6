"""Text output for users: tables, sizes, times and progress bars."""
