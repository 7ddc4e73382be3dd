"""Networks in plain PyTorch, written into generated repositories beside their weights. No weights here."""
