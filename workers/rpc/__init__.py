"""The Open Inference Protocol over gRPC: the same models, asked through the same port as over HTTP."""
