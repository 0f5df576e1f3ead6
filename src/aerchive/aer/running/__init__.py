"""Simulators and primitives whose runs are archived while they run; decision 0005."""
