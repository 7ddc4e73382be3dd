"""Stub model servers that misbehave on demand, for tests, benchmarks and trying a table by hand."""
