"""Puts Tulle into a cluster as a user does: images, then the Helm chart."""

from collections.abc import Callable, Mapping
from typing import Any

from e2e import helm, images
from e2e.lab import Cluster

NAMESPACE = "tulle-system"
IMAGES = ("tulle", "envoy", "echo")
WORKLOADS = ("deployment/tulle-controller", "daemonset/tulle-agent", "daemonset/tulle-envoy")
POOL = """
apiVersion: tulle.dev/v1alpha1
kind: LoadBalancerIPPool
metadata: {{name: lab}}
spec: {{blocks: [{{start: 172.30.{number}.200, stop: 172.30.{number}.239}}]}}
"""


def install(cluster: Cluster, values: Mapping[str, Any] | None = None, report: Callable[[str], None] = print) -> None:
    """Return when every workload is ready and the cluster's addresses are known."""
    report("images")
    for archive in images.build(IMAGES).values():
        cluster.load_image(archive)
    report("chart")
    helm.install(cluster.kubeconfig, NAMESPACE, dict(values or {}))
    for workload in WORKLOADS:
        report(f"waiting for {workload}")
        cluster.kubectl("-n", NAMESPACE, "rollout", "status", workload, "--timeout=180s")
    cluster.kubectl("apply", "-f", "-", input=POOL.format(number=cluster.layout.number))
