"""Experiments: plain seeded scripts that train generated layers and write records."""
