"""Tables and fleets that the profiles meet in virtual time. All of it is assumed; put your own in their place."""
