"""Recordings of live traffic, read back: played again, played against other tables, fitted."""
