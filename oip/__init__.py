"""The Open Inference Protocol's gRPC messages, for the workers and for the proxy: they meet here alone.

Made by `make stubs` from the two `.proto` files (Triton's, with the protocol's own `properties` added).
Nothing here decides anything.
"""
