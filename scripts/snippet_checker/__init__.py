"""Run every snippet of every page, and every example, on the versions that the lock files name."""
