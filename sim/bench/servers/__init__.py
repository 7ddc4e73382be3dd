"""Our worker beside other model servers, on the same model and inputs."""
