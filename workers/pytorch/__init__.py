"""What the PyTorch backend is made of: networks, their precision and graphs, pictures on the device."""
