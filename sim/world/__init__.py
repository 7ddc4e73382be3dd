"""The production code on a virtual clock: simulated callers, networks and model servers, and who looks on."""
