"""Recordings of live traffic: what came when and how it ended, made after the fact from replies."""
