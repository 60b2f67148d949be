"""What a network, a training or a machine costs: parameters, FLOPs, times."""
