"""Tables and fleets that the profiles meet in virtual time. All is assumed; put your own in their place."""
