"""Traps that no error announces: what loads and is green, and does not do what its author meant."""
