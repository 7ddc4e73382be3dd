"""What measures models and writes some to measure with."""
