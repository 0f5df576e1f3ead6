"""What the web page reads of a project: aggregated views and tables, never more than it can show."""
