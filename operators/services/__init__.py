"""From Services, EndpointSlices and Nodes to what each node balances: pure, and computed from as little as a change touches."""
