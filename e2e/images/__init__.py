"""The container images, built here and kept as OCI archives: `build()` makes what changed and says where each one is."""

from e2e.images.archives import build, reference

__all__ = ["build", "reference"]
