"""The profiles played live on one machine: a fleet of stubs, a proxy, and the simulation beside them."""
