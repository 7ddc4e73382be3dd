"""Benchmarks: each claim of speed has its measurement here."""
