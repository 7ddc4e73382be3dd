"""One proxy in several processes: a supervisor, its children, and what they share."""
