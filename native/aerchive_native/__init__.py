"""Kernels in C for whole chunks of aerchive, which uses them if they give the same bytes as it gives without them."""

from aerchive_native import _kernels as kernels

__all__ = ["kernels"]
