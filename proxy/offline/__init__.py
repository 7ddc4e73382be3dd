"""The offline queue: tickets that are durable before they are given, and end exactly once."""
