"""The echo image as a workload: what the demo and the tests put behind an Ingress."""

ECHO = "tulle.local/echo:0.1.0"
PORTS = [
    {"name": "http", "port": 80, "targetPort": "http"},
    {"name": "h2c", "port": 81, "targetPort": "http", "appProtocol": "kubernetes.io/h2c"},
    {"name": "https", "port": 8443, "targetPort": 8443, "appProtocol": "https"},
]


def echo(name: str, replicas: int = 1) -> list[dict]:
    """A Deployment of the echo image and its Service."""
    fields = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace", "NODE_NAME": "spec.nodeName"}
    container = {
        "name": "echo",
        "image": ECHO,
        "imagePullPolicy": "Never",
        "env": [{"name": key, "valueFrom": {"fieldRef": {"fieldPath": path}}} for key, path in fields.items()],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1},
    }
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    deployment = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": deployment},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"selector": {"app": name}, "ports": PORTS},
        },
    ]
