"""Options and fixtures of the tests on the embedded cluster."""
