"""Open-loop load: requests leave by a schedule, whatever answers do; latency counts from the planned time."""
