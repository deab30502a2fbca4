"""The mesh's certificate authority: who may call itself what, and how long."""
