"""Every setting of the controller: its environment variable is `TULLE_` and its name in capitals; the Helm chart sets them from its values."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0)]


class Exposure(StrEnum):
    """How clients reach the ingress proxies."""

    LOAD_BALANCER = "LoadBalancer"
    NODE_PORT = "NodePort"
    HOST_NETWORK = "HostNetwork"


class LogFormat(StrEnum):
    JSON = "json"
    CONSOLE = "console"


class Settings(BaseSettings):
    """Frozen; read once, when the process starts."""

    model_config = SettingsConfigDict(env_prefix="TULLE_", frozen=True, extra="ignore")

    namespace: str = Field("tulle-system", description="Where Tulle's own objects live: Lease, CA, bundle.")
    trust_domain: str = Field("cluster.local", description="The trust domain of every SPIFFE identity in the mesh.")
    cluster_name: str = Field("default", description="This cluster's name within a mesh of several.")
    pod_name: str = Field("", description="The controller pod's name, from the downward API; empty: the host's name.")
    pod_ip: str = Field(
        "127.0.0.1", description="The controller pod's address, where other replicas send their reports."
    )

    controller_name: str = Field("tulle.dev/ingress", description="Which IngressClasses are ours, by spec.controller.")
    exposure: Exposure = Field(
        Exposure.LOAD_BALANCER,
        description="Addresses from pools, ports on every node, or the nodes' own ports 80 and 443.",
    )
    http_port: Port = Field(80, description="The HTTP port on load-balancer addresses and on the host network.")
    https_port: Port = Field(443, description="The HTTPS port on load-balancer addresses and on the host network.")
    node_port_http: Port = Field(30080, description="The HTTP port on every node with exposure NodePort.")
    node_port_https: Port = Field(30443, description="The HTTPS port on every node with exposure NodePort.")
    default_certificate: str = Field(
        "",
        pattern=r"^$|^[^/]+/[^/]+$",
        description="namespace/name of the Secret for TLS entries that name none; empty: no default.",
    )
    https_redirect: bool = Field(
        default=False,
        description="Answer HTTP for the hosts of an Ingress with TLS entries with a 308 to HTTPS; a CiliumIngress says it itself.",
    )

    bind_address: str = Field("0.0.0.0", description="Where the controller listens.")
    ads_port: Port = Field(15010, description="The port of xDS and of reports between replicas (mTLS).")
    bootstrap_port: Port = Field(
        15012, description="The port where agents get their certificates (server TLS, bearer token)."
    )
    health_port: Port = Field(15014, description="The port of /livez, /readyz and /metrics (plain HTTP).")

    lease_name: str = Field("tulle-controller", description="The Lease that elects the replica that writes.")
    lease_seconds: Seconds = Field(
        15.0, description="How long a leader leads after its last renewal; how long a dead one is missed."
    )
    lease_renew_seconds: Seconds = Field(10.0, description="A leader that could not renew for so long steps down.")
    lease_retry_seconds: Seconds = Field(
        2.0, description="The pause between two tries to renew or to acquire; jittered."
    )

    commit_quiet_seconds: Seconds = Field(
        0.010, description="Changes are put together until there was so long a quiet."
    )
    commit_maximum_seconds: Seconds = Field(0.100, description="The longest that a change waits for others.")
    services: bool = Field(
        default=False, description="Tell agents of all Services, so that nodes do without kube-proxy's rules."
    )
    proxy_service: str = Field(
        "tulle-envoy",
        description="The headless Service of the ingress proxies, by which a new leader knows on which nodes they run.",
    )
    proxy_grace_seconds: Seconds = Field(
        30.0, description="How long a disconnected proxy is still counted in Programmed."
    )
    drain_seconds: Seconds = Field(5.0, description="How long open streams may go on after SIGTERM.")

    freshness_interval_seconds: Seconds = Field(10.0, description="The pause between two probes of one watch.")
    freshness_limit_seconds: Seconds = Field(
        60.0,
        description="A watch that misses an object's version for so long is dead; the process ends and is started again.",
    )
    status_writes_per_second: Annotated[float, Field(gt=0)] = Field(
        20.0, description="The rate limit of status writes."
    )
    status_burst: Annotated[int, Field(ge=1)] = Field(100, description="How many status writes may go out at once.")

    log_level: str = Field(
        "INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="The least level that is logged."
    )
    log_format: LogFormat = Field(LogFormat.JSON, description="json for machines, console for people.")
    dev: bool = Field(
        default=False,
        description="One plaintext process on loopback, without CA and bootstrap, for `kopf run -m operators.ingress --dev`.",
    )
