"""Clients of model servers: one file per clusterType, all behind `ports.Cluster`."""
