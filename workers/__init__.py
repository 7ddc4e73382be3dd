"""Model servers: Open Inference Protocol in front, real models behind."""
