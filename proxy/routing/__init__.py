"""Routing as pure decisions: table, plan, draw. No clock, no randomness, no input or output of its own."""
