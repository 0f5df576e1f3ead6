"""Tools for tests: checks of codecs, disks that record, fail or lose power, and a fixture for pytest."""
