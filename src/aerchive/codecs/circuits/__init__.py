"""Storing circuits so that they can be read back and run again in Aer with the same bits."""
