"""What an installation decides about its ingress."""

from dataclasses import dataclass

from operators.settings import Exposure, Settings

GATEWAY = "shared"


@dataclass(frozen=True, slots=True)
class IngressSettings:
    """`http_port` and `https_port` are those of the chosen exposure. `default_certificate` is `namespace/name` or empty."""

    exposure: Exposure = Exposure.LOAD_BALANCER
    http_port: int = 80
    https_port: int = 443
    default_certificate: str = ""
    controller: str = "tulle.dev/ingress"
    https_redirect: bool = False  # send clients of an Ingress with TLS entries from HTTP to HTTPS
    gateway: str = GATEWAY

    @classmethod
    def of(cls, settings: Settings) -> "IngressSettings":
        on_nodes = settings.exposure is Exposure.NODE_PORT
        return cls(
            exposure=settings.exposure,
            http_port=settings.node_port_http if on_nodes else settings.http_port,
            https_port=settings.node_port_https if on_nodes else settings.https_port,
            default_certificate=settings.default_certificate,
            controller=settings.controller_name,
            https_redirect=settings.https_redirect,
        )
