"""What runs on every node: the agent, and the start and end of the node's Envoy."""
