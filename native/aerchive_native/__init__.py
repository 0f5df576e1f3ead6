"""Kernels in C for whole chunks of aerchive, which uses them if they are installed and give the same bytes as without."""

from aerchive_native import _kernels as kernels

__all__ = ["kernels"]
