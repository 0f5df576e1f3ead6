"""Replacing arrays by what computes them again, and writing them back; decision 0047."""
