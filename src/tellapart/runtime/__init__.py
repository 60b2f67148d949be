"""Runtime: how this machine runs a net, in threads, memory, CUDA graphs, precision and power."""
