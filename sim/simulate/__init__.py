"""A plan of load in virtual time: the production pipeline before a fleet that is data."""
