"""Quality of service as pure state machines: time is an argument, nothing waits."""
