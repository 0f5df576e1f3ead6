"""Disks that record, fail, or lose power: how programs that keep data in a project can be tested against faults."""
