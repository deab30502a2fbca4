"""Where the controllers are, asked of the API server: on nodes whose Services work only once an agent has told the kernel of them."""

import random
from collections.abc import Sequence

from operators.kube import UNREACHABLE, Kube, KubeError, Path

SLICES = Path("discovery.k8s.io", "v1", "endpointslices")
LABEL = "kubernetes.io/service-name"


class NoControllerError(OSError):
    """None is ready, or nobody can say; the next try may find one."""


async def controllers(kube: Kube, server_name: str) -> list[str]:
    """Addresses of the ready pods behind `server_name` (service.namespace.svc), in random order, so that agents spread."""
    service, namespace, *_ = server_name.split(".")
    try:
        found = await kube.get(SLICES.url(namespace), {"labelSelector": f"{LABEL}={service}"})
    except (KubeError, *UNREACHABLE) as error:
        raise NoControllerError(f"the API server does not say where {server_name} is: {error!r}") from error
    addresses = {
        address
        for one in found["items"] or ()
        for endpoint in one.get("endpoints") or ()
        if endpoint.get("conditions", {}).get("ready", True)
        for address in endpoint["addresses"]
    }
    if not addresses:
        raise NoControllerError(f"no pod of {server_name} is ready")
    return random.sample(sorted(addresses), len(addresses))


def target(addresses: Sequence[str], port: int) -> str:
    """For gRPC, which tries them in order; of the family of the first, as a target has one."""
    if ":" in addresses[0]:
        return "ipv6:" + ",".join(f"[{one}]:{port}" for one in addresses if ":" in one)
    return "ipv4:" + ",".join(f"{one}:{port}" for one in addresses if ":" not in one)
