"""The catalogue: one file per architecture, with its step and its matrices, and nothing else."""
