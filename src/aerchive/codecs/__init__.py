"""Values to nodes and back: one module for each stored thing."""
