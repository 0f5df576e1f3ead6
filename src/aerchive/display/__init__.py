"""Output for users: tables, sizes, times and progress bars as text, and cards of HTML for notebooks."""
