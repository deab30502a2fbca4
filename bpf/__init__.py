"""The kernel half: node resources become map entries, and the programs in `progs/` read them."""
