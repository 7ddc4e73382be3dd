"""The story of `make run`: real pictures and texts on their way through the proxy to real models."""
