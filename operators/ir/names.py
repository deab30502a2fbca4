"""Every derived name, in one place. Names are stable: the same object always gets the same name."""


def cluster(namespace: str, service: str, port: int | str) -> str:
    """`namespace/service:port`, port as the Service numbers it."""
    return f"{namespace}/{service}:{port}"


def endpoints(namespace: str, service: str, port_name: str) -> str:
    """`namespace/service:name`, by the Service's port name (empty when it has only one), as EndpointSlices carry it."""
    return f"{namespace}/{service}:{port_name}"


def certificate(namespace: str, secret: str) -> str:
    return f"{namespace}/{secret}"


def object_key(namespace: str, name: str) -> str:
    """The key of a namespaced object in its source collection."""
    return f"{namespace}/{name}"


# Stands for backends that do not exist beside others that do: a cluster without endpoints, so that its share gets 503.
# No Service can have this name.
NO_BACKEND = "-/no-backend:0"
