"""Quality-of-service scenarios, live: a real proxy before stub servers of known capacity, on loopback."""
