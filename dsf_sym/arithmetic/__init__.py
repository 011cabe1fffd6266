"""Scalars: polynomials with generators, rationals, balls, residues, and arrays of them."""
