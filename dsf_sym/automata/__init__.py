"""Layers at concrete sizes as weighted automata: exact and modular steps, reachable spaces."""
