"""Codecs, which turn values into nodes of the file and back: one module for each kind of value."""
