"""The front: the Open Inference Protocol over HTTP and gRPC on sockets, a pool of models behind it."""
