"""Benchmarks: ours and its peers in one run, interleaved. `make bench NAME=xds-change`."""
