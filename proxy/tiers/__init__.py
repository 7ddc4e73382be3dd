"""Tiers as a chain of responsibility: the only place where a request falls through."""
