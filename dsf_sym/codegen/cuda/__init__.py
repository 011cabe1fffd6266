"""CUDA kernels: the text of a layer's functions for the GPU, forward and backward."""
