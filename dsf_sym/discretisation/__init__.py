"""Layers in continuous time, and the rules that make layers of them."""
