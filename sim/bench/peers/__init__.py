"""Side by side: the same requests through Penstock and through other proxies, each on one core."""
