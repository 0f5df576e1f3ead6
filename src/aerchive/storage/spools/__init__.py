"""Spool files: files beside a project with running jobs and finished runs not yet in it. No module here uses HDF5."""
