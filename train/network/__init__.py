"""Networks in training: packed forward passes, what is learned, how a model is saved."""
