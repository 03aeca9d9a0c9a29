"""Networks, their weights, and how their stages freeze."""
