"""Jobs of IBM's cloud service; decision 0014."""
