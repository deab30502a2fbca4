"""How Tulle gets into a cluster."""
