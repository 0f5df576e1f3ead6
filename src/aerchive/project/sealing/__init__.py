"""Seals: one number that stands for all runs of a project, proofs of single runs, and signatures."""
