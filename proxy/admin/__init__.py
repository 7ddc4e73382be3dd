"""The admin side: probes, metrics and operator calls on a port of their own."""
