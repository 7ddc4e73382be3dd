"""The invariants, each watched through a whole run: one file per noun. Which of them are on: `roster.py`."""
