"""Index terms: the normal form of tensor expressions in which identities hold for all sizes."""
