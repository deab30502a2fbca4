"""What a gateway serves: listeners, TLS hosts, virtual hosts, routes and the clusters they lead to.

Annotations, auth, rate limits and Gateway API add fields to `Route` and members to `Action` and `PathMatch`; nothing
here knows where a value came from except through `Origin`.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from operators.ir.refs import ObjectRef, Origin

ANY_HOST = "*"


@dataclass(frozen=True, slots=True, order=True)
class ExactPath:
    """The whole path, case-sensitive, trailing slash significant."""

    value: str


@dataclass(frozen=True, slots=True, order=True)
class PrefixPath:
    """A prefix by `/`-separated segments, without trailing slash; `/` is everything. `/foo` matches `/foo`, `/foo/`, `/foo/x`."""

    value: str


@dataclass(frozen=True, slots=True, order=True)
class RegexPath:
    """An RE2 expression that must match the whole path."""

    value: str


PathMatch = ExactPath | PrefixPath | RegexPath


@dataclass(frozen=True, slots=True, order=True)
class HeaderMatch:
    name: str
    value: str
    regex: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    path: PathMatch = PrefixPath("/")
    methods: tuple[str, ...] = ()
    headers: tuple[HeaderMatch, ...] = ()


@dataclass(frozen=True, slots=True)
class HeaderChange:
    """Applied in the order remove, set (overwrite), add (append)."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.set or self.add or self.remove)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; None is no limit. No total limit by default, so that uploads, event streams and WebSockets live."""

    request: float | None = None
    backend_request: float | None = None
    idle: float | None = 300.0


@dataclass(frozen=True, slots=True)
class Retry:
    """`on` holds Envoy-neutral conditions: status codes as strings, or `connect-failure`, `reset`, `refused-stream`, `gateway-error`, `5xx`."""

    attempts: int
    on: tuple[str, ...]
    per_try_timeout: float | None = None
    backoff_base: float = 0.025


@dataclass(frozen=True, slots=True)
class ReplacePrefix:
    """Replace what the route's PrefixPath matched."""

    value: str


@dataclass(frozen=True, slots=True)
class ReplacePath:
    """Replace the whole path; the query string stays."""

    value: str


@dataclass(frozen=True, slots=True)
class Rewrite:
    host: str | None = None
    path: ReplacePrefix | ReplacePath | None = None


@dataclass(frozen=True, slots=True, order=True)
class WeightedCluster:
    """`cluster` is a `Cluster.name`; weight 0 gets nothing."""

    cluster: str
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Forward:
    """Send to one of the clusters by weight. The weights' sum is positive; ingest answers 503 otherwise.

    `retry` None tries again only what no backend can have processed: connections that failed, refused streams.
    """

    clusters: tuple[WeightedCluster, ...]
    timeouts: Timeouts = Timeouts()
    retry: Retry | None = None
    rewrite: Rewrite | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """Answer with a redirection; what is None stays as requested. `port` None drops the port that scheme implies."""

    status: int = 302
    scheme: str | None = None
    host: str | None = None
    port: int | None = None
    path: ReplacePrefix | ReplacePath | None = None


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer directly, e.g. 503 for a backend that does not exist."""

    status: int
    body: str = ""


Action = Forward | Redirect | Respond


@dataclass(frozen=True, slots=True)
class Route:
    match: Match
    action: Action
    origin: Origin
    request_headers: HeaderChange = HeaderChange()
    response_headers: HeaderChange = HeaderChange()


class Scheme(StrEnum):
    HTTP = "http"
    HTTPS = "https"


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """All that one host (exact, `*.one.label`, or ANY_HOST) serves over one scheme on one gateway, in order of precedence.

    `routes` are the host's own; `fallback` is tried after them: rules without host (not for ANY_HOST, whose own they
    are), then the default backend. It is mostly the same value for all hosts, so it can be encoded once.
    """

    gateway: str
    scheme: Scheme
    host: str
    routes: tuple[Route, ...]
    fallback: tuple[Route, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.gateway}/{self.scheme}/{self.host}"

    @property
    def origins(self) -> frozenset[ObjectRef]:
        return frozenset(route.origin.ref for route in (*self.routes, *self.fallback))


@dataclass(frozen=True, slots=True)
class Certificate:
    """A PEM key pair; the private key never prints."""

    name: str  # "namespace/secret"
    chain: bytes
    private_key: bytes = field(repr=False)
    origins: frozenset[ObjectRef] = frozenset()

    @property
    def key(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class TlsHost:
    """How a gateway answers TLS for one SNI name (exact, `*.one.label`, or ANY_HOST for any other or none).

    `certificates` empty refuses the handshake for this host only (the Secret is missing or broken). Several are offered
    by key type (RSA and ECDSA).
    """

    gateway: str
    host: str
    certificates: tuple[str, ...]  # Certificate.name
    origins: frozenset[ObjectRef] = frozenset()

    @property
    def key(self) -> str:
        return f"{self.gateway}/{self.host}"


@dataclass(frozen=True, slots=True)
class Gateway:
    """One set of addresses and ports served by the node proxies of one class. Listeners exist per address and port.

    `addresses` are bound with IP_FREEBIND on every proxy, so that moving one needs no new configuration. With NodePort and
    host network they are the unspecified ones, by which a proxy listens on all of its node's.
    """

    name: str
    addresses: tuple[str, ...]
    http_port: int = 80
    https_port: int = 443
    origins: frozenset[ObjectRef] = frozenset()

    @property
    def key(self) -> str:
        return self.name


class Protocol(StrEnum):
    """What a backend speaks, from the port's appProtocol (KEP-3726); HTTP/1.1 unless it says otherwise."""

    HTTP1 = "http1"
    H2C = "h2c"
    HTTPS = "https"


@dataclass(frozen=True, slots=True)
class EdsBackend:
    """Endpoints come from EndpointSlices, under the key of an `Endpoints` value."""

    endpoints: str


@dataclass(frozen=True, slots=True)
class DnsBackend:
    """ExternalName: resolved by the proxy."""

    hostname: str
    port: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """One upstream: a Service's port. Emitted only while a route uses it."""

    name: str
    backend: EdsBackend | DnsBackend
    protocol: Protocol = Protocol.HTTP1
    origins: frozenset[ObjectRef] = frozenset()

    @property
    def key(self) -> str:
        return self.name


class Health(StrEnum):
    """From an EndpointSlice's conditions: ready; or terminating but still serving, used only when nothing is ready (KEP-1669)."""

    READY = "ready"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    address: str
    port: int
    health: Health = Health.READY
    node: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The endpoints of one Service port, sorted, without doubles. `name` is `names.endpoints(...)`."""

    name: str
    endpoints: tuple[Endpoint, ...]

    @property
    def key(self) -> str:
        return self.name


def precedence(route: Route) -> tuple[int, int, str, int, int]:
    """Sort key: Exact, then regex by decreasing length, then the longest Prefix, `/` last.

    Among equal paths a match on methods comes first, then the one with more headers, as in Gateway API. What is still equal
    stays in the order it came in (the oldest object first, then as written): sort with a stable sort.
    """
    match route.match.path:
        case ExactPath(value):
            kind = 0
        case RegexPath(value):
            kind = 1
        case PrefixPath(value):
            kind = 2
    return kind, -len(value), value, -bool(route.match.methods), -len(route.match.headers)
