"""Puts Tulle into a cluster as a user does: images, then the Helm chart."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from e2e import helm, images
from e2e.lab import Cluster

NAMESPACE = "tulle-system"
IMAGES = ("tulle", "envoy", "echo")
WORKLOADS = ("deployment/tulle-controller", "daemonset/tulle-agent", "daemonset/tulle-envoy")
# What RE2 takes and Envoy refuses: a limit that users may set, by which a story shows what becomes of a refused configuration.
REFUSED_PROGRAMS = {"envoy": {"runtime": {"re2.max_program_size.error_level": 500}}}
POOL = """
apiVersion: tulle.dev/v1alpha1
kind: LoadBalancerIPPool
metadata: {{name: lab}}
spec: {{blocks: [{{start: 172.30.{number}.200, stop: 172.30.{number}.239}}]}}
"""


def install(cluster: Cluster, values: Mapping[str, Any] | None = None, report: Callable[[str], None] = print) -> None:
    """Return when every workload is ready and the cluster's addresses are known."""
    report("images")
    archives = images.build(IMAGES)
    for archive in archives.values():
        cluster.load_image(archive)
    report("chart")
    helm.install(cluster.kubeconfig, NAMESPACE, merged(merged(built_from(archives), REFUSED_PROGRAMS), values or {}))
    for workload in WORKLOADS:
        report(f"waiting for {workload}")
        cluster.kubectl("-n", NAMESPACE, "rollout", "status", workload, "--timeout=180s")
    cluster.kubectl("apply", "-f", "-", input=POOL.format(number=cluster.layout.number))


def built_from(archives: Mapping[str, Path]) -> dict[str, Any]:
    """Values that name the images' content, as their tag does not: pods are replaced where it changed, in a cluster that was kept."""
    parts = {"controller": "tulle", "agent": "tulle", "envoy": "envoy"}
    return {part: {"podAnnotations": {"tulle.dev/image": archives[image].stem}} for part, image in parts.items()}


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """As Helm merges values: the second wins, mappings are joined."""
    both = dict(below)
    for name, value in above.items():
        old = both.get(name)
        both[name] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return both
