"""From values to the bytes of map entries and back, one module per concern. Pure; tested against the objects' BTF."""
