"""The simulation, the load harness and the story that `make run` tells."""
