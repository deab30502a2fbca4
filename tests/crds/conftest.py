"""One API server with our kinds for all tests of this folder."""

from tests.apiserver import apiserver, kubectl

__all__ = ["apiserver", "kubectl"]
