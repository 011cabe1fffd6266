"""Proofs and refutations as data, and one small independent checker a kind."""
