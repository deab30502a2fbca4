"""Every setting of the agent: its environment variable is `TULLE_` and its name in capitals; the Helm chart sets them."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from operators.settings import LogFormat, Port, Seconds


class AgentSettings(BaseSettings):
    """Frozen; read once, when the process starts."""

    model_config = SettingsConfigDict(env_prefix="TULLE_", frozen=True, extra="ignore")

    node_name: str = Field(description="This node's name, from the downward API.")
    pod_name: str = Field("local", description="The agent pod's name, from the downward API.")
    node_ip: str = Field(
        "", description="The node's own address (status.hostIP): the device that carries it is the uplink."
    )

    xds_address: str = Field("tulle-controller.tulle-system.svc:15010", description="The controller's ADS.")
    bootstrap_address: str = Field(
        "tulle-controller.tulle-system.svc:15012", description="The controller's port where agents get certificates."
    )
    ask_api_server: bool = Field(
        default=False,
        description="Ask the API server where the controllers are, by the pod's account: where nothing else serves ClusterIPs.",
    )
    xds_tls: bool = Field(default=True, description="Off: plaintext and no certificates, for development.")
    server_name: str = Field(
        "tulle-controller.tulle-system.svc", description="The DNS name that the controller's certificate must have."
    )
    token_file: Path = Field(
        Path("/var/run/secrets/tulle/token"), description="The bound service-account token with audience tulle.dev/ca."
    )
    bundle_file: Path = Field(
        Path("/var/run/tulle-ca/ca.crt"), description="The mesh's roots, mounted from ConfigMap tulle-ca-bundle."
    )
    agent_socket: Path = Field(
        Path("/run/tulle/agent.sock"), description="Where the node's Envoy gets its certificate."
    )
    envoy_uid: int = Field(-1, description="The user that Envoy runs as and that owns the socket; -1: the agent's own.")

    services: bool = Field(default=False, description="Balance Services on this node, instead of kube-proxy.")
    bpf_objects: Path = Field(Path("/usr/lib/tulle/bpf"), description="Where the compiled programs are.")
    bpf_root: Path = Field(
        Path("/sys/fs/bpf/tulle"), description="Where maps and links are pinned, on a BPF file system."
    )
    cgroup: Path = Field(
        Path("/sys/fs/cgroup"), description="The cgroup (v2) whose processes are served: the node's, with all pods."
    )

    health_address: str = Field("127.0.0.1", description="Where /livez, /readyz and /metrics are served.")
    health_port: Port = Field(15020, description="Their port.")

    round_seconds: Seconds = Field(30.0, description="How often addresses are compared with what they should be.")
    announce_seconds: tuple[float, ...] = Field(
        (0.0, 1.0, 2.0), description="When a new address is announced, in seconds after it was assigned."
    )
    retry_seconds: Seconds = Field(
        1.0, description="The first pause before another try; it doubles up to ten times as much."
    )

    log_level: str = Field(
        "INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="The least level that is logged."
    )
    log_format: LogFormat = Field(LogFormat.JSON, description="json for machines, console for people.")
