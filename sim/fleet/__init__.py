"""What stands behind a proxy, as data: machines, what they take for a request, what they cost."""
