"""The machine under the arithmetic: threads, memory, GPU, precision, power."""
