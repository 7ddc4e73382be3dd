"""Shapes of load: when each request is due, from formulas or from traces, as numpy arrays."""
