"""System shared memory: regions that callers register, and tensors that lie in them."""
