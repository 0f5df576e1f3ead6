"""Jobs of IBM's cloud service."""
