"""The documents of the file format, which describe runs, and the conversion of values to JSON."""
