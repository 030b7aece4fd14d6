"""How the hub is prepared and kept running on one machine."""
