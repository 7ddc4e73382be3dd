"""What can be seen from outside: counters, the metrics page, logs."""
