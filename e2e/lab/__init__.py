"""Real Kubernetes on one Linux machine without Docker: every node is a set of namespaces with its own kubelet and containerd."""

from e2e.lab.client import ClientNamespace
from e2e.lab.cluster import Cluster
from e2e.lab.errors import LabError

__all__ = ["ClientNamespace", "Cluster", "LabError"]
