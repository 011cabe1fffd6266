"""C++ kernels: the text of a layer's functions for the processor, forward and backward."""
