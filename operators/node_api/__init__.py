"""The protocol between controllers and agents: `node.proto` and what `make generate` makes of it."""
