"""Tables and fleets that the profiles meet in virtual time. All of it is assumed; bring your own."""
