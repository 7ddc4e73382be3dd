"""The Open Inference Protocol, version 2: the tensors' wire form. Bytes in, values out; no model, no I/O."""
