"""Pods of the cluster, by what they are: listed, replaced by a rolling update, killed."""

from e2e.install import NAMESPACE as SYSTEM
from e2e.lab import Cluster

__all__ = ["SYSTEM", "kill", "names", "replace"]


def names(cluster: Cluster, namespace: str, selector: str) -> list[str]:
    return cluster.kubectl("-n", namespace, "get", "pods", "-l", selector, "-o", "name").split()


def replace(cluster: Cluster, namespace: str, workload: str, selector: str) -> None:
    """A rolling update, until the last old pod is gone."""
    old = names(cluster, namespace, selector)
    cluster.kubectl("-n", namespace, "rollout", "restart", workload)
    cluster.kubectl("-n", namespace, "rollout", "status", workload, "--timeout=300s")
    cluster.kubectl("-n", namespace, "wait", "--for=delete", *old, "--timeout=200s")


def kill(cluster: Cluster, component: str, workload: str) -> None:
    """All pods of a part of Tulle at once, without a chance to say goodbye; until new ones are ready."""
    pods = names(cluster, SYSTEM, f"app.kubernetes.io/component={component}")
    cluster.kubectl("-n", SYSTEM, "delete", "--grace-period=0", "--force", *pods)
    cluster.kubectl("-n", SYSTEM, "rollout", "status", workload, "--timeout=180s")
