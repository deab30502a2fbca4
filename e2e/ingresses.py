"""Plain Ingresses of ours, as tests write them."""


def ingress(name: str, host: str, paths: dict[str, str], secret: str = "") -> dict:
    """`paths`: Prefix → Service, at its port 80. With `secret` the host has TLS, too."""
    backends = {path: {"service": {"name": service, "port": {"number": 80}}} for path, service in paths.items()}
    listed = [{"path": path, "pathType": "Prefix", "backend": one} for path, one in backends.items()]
    spec = {"ingressClassName": "tulle", "rules": [{"host": host, "http": {"paths": listed}}]}
    if secret:
        spec["tls"] = [{"hosts": [host], "secretName": secret}]
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name}, "spec": spec}
