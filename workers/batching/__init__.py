"""Which waiting requests run together, and when: pure decisions, in times that are handed in."""
