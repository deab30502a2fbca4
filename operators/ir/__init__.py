"""The mesh as Envoy and the kernel must agree on it: no API types, no Envoy types, no bytes; everything is frozen and prints."""
