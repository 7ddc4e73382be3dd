"""One request for several models: the picture is fetched and decoded once."""
