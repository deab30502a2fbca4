"""CiliumIngress: an Ingress, and what Ingress cannot say. Names follow Gateway API where it has one."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from crds.base import OwnModel
from crds.core import KubeObject
from crds.schema import rule
from crds.status import ServedStatus

Name = Annotated[str, Field(min_length=1, max_length=253)]
HeaderName = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$")]
HeaderValue = Annotated[str, Field(max_length=4096, pattern=r"^[^\r\n\x00]*$")]
Duration = Annotated[str, Field(max_length=32, pattern=r"^([0-9]{1,5}(h|m|s|ms)){1,4}$")]
Host = Annotated[
    str, Field(max_length=253, pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
]
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"]


class BackendPort(OwnModel):
    model_config = ConfigDict(
        json_schema_extra=rule("has(self.number) != has(self.name)", "port must have exactly one of number and name")
    )

    number: int | None = Field(default=None, ge=1, le=65535, description="The Service's port by number.")
    name: str | None = Field(default=None, min_length=1, max_length=63, description="The Service's port by name.")


class ServiceBackend(OwnModel):
    name: Name = Field(description="A Service in the namespace of this object.")
    port: BackendPort = Field(description="One of its ports.")


class Backend(OwnModel):
    service: ServiceBackend = Field(description="The Service that answers.")


class WeightedBackend(OwnModel):
    service: ServiceBackend = Field(description="The Service that answers.")
    weight: int = Field(
        default=1, ge=0, le=1_000_000, description="Its share of requests, in proportion to the sum of all weights."
    )


class PathModifier(OwnModel):
    type: Literal["ReplaceFullPath", "ReplacePrefixMatch"] = Field(
        description="ReplaceFullPath replaces the whole path, ReplacePrefixMatch what a Prefix path matched."
    )
    value: str = Field(
        max_length=1024, pattern=r"^/[^?#]*$", description="The new path or prefix; begins with a slash."
    )


class Rewrite(OwnModel):
    model_config = ConfigDict(
        json_schema_extra=rule("has(self.hostname) || has(self.path)", "rewrite must have hostname or path, or both")
    )

    hostname: Host | None = Field(default=None, description="The Host that the backend sees.")
    path: PathModifier | None = Field(default=None, description="The path that the backend sees.")


class Redirect(OwnModel):
    model_config = ConfigDict(
        json_schema_extra=rule(
            "has(self.scheme) || has(self.hostname) || has(self.port) || has(self.path)",
            "redirect must change at least one of scheme, hostname, port and path",
        )
    )

    scheme: Literal["http", "https"] | None = Field(default=None, description="The new scheme; absent keeps it.")
    hostname: Host | None = Field(default=None, description="The new host; absent keeps it.")
    port: int | None = Field(default=None, ge=1, le=65535, description="The new port; absent is the scheme's own.")
    path: PathModifier | None = Field(default=None, description="The new path; absent keeps it.")
    status_code: Literal[301, 302, 303, 307, 308] = Field(default=302, description="The status of the answer.")


class Timeouts(OwnModel):
    """`0s` is no limit."""

    request: Duration | None = Field(
        default=None, description="From the request's end to the answer's end; no limit by default."
    )
    backend_request: Duration | None = Field(
        default=None, description="The same for each try at a backend; no limit by default."
    )
    idle: Duration | None = Field(default=None, description="Without a byte in either direction; 5 minutes by default.")


class Retry(OwnModel):
    attempts: int = Field(default=2, ge=1, le=10, description="How often a failed request is tried again.")
    on: list[
        Annotated[
            str,
            Field(max_length=32, pattern=r"^([1-5][0-9][0-9]|5xx|gateway-error|reset|connect-failure|refused-stream)$"),
        ]
    ] = Field(
        default=["connect-failure", "refused-stream", "503"],
        min_length=1,
        max_length=16,
        description="What is tried again: status codes, 5xx, gateway-error, reset, connect-failure, refused-stream.",
    )
    per_try_timeout: Duration | None = Field(default=None, description="Limit of each try; no limit by default.")
    backoff: Duration | None = Field(
        default=None, description="Base of the growing pause between tries; 25ms by default."
    )


class Header(OwnModel):
    name: HeaderName = Field(description="The header's name; case does not matter.")
    value: HeaderValue = Field(description="The header's value.")


class HeaderChanges(OwnModel):
    """Applied in the order remove, set, add."""

    set: list[Header] = Field(default_factory=list, max_length=16, description="Replaces or adds.")
    add: list[Header] = Field(default_factory=list, max_length=16, description="Adds beside what is there.")
    remove: list[HeaderName] = Field(default_factory=list, max_length=16, description="Takes away.")


class HeaderMatch(OwnModel):
    name: HeaderName = Field(description="The header's name; case does not matter.")
    value: HeaderValue = Field(description="What it must be.")
    type: Literal["Exact", "RegularExpression"] = Field(
        default="Exact", description="Exact compares, RegularExpression is RE2 over the whole value."
    )


_REPLACES_PREFIX = "(!has(self.rewrite) || !has(self.rewrite.path) || self.rewrite.path.type != 'ReplacePrefixMatch')"
_REDIRECTS_PREFIX = (
    "(!has(self.redirect) || !has(self.redirect.path) || self.redirect.path.type != 'ReplacePrefixMatch')"
)


class Path(OwnModel):
    model_config = ConfigDict(
        json_schema_extra=rule(
            "(has(self.backend) ? 1 : 0) + (has(self.backends) ? 1 : 0) + (has(self.redirect) ? 1 : 0) == 1",
            "a path must have exactly one of backend, backends and redirect",
        )
        | rule(
            "!(has(self.rewrite) && has(self.redirect))",
            "a redirect cannot be rewritten: use redirect.path and redirect.hostname",
        )
        | rule(
            f"self.pathType == 'Prefix' || ({_REPLACES_PREFIX} && {_REDIRECTS_PREFIX})",
            "ReplacePrefixMatch needs pathType Prefix",
        )
        | rule("self.path.startsWith('/')", "path must begin with a slash")
        | rule(
            "!has(self.backends) || self.backends.exists(b, !has(b.weight) || b.weight > 0)",
            "at least one of backends must have a weight above 0",
        )
    )

    path: str = Field(
        default="/", min_length=1, max_length=1024, description="What pathType compares with the request's path."
    )
    path_type: Literal["Exact", "Prefix", "ImplementationSpecific"] = Field(
        description="Exact, Prefix by whole segments, or ImplementationSpecific: an RE2 expression for the whole path."
    )
    methods: list[Method] = Field(default_factory=list, max_length=9, description="Only these methods; all when empty.")
    headers: list[HeaderMatch] = Field(
        default_factory=list, max_length=16, description="Only requests with all of these headers."
    )
    backend: Backend | None = Field(default=None, description="Who answers.")
    backends: list[WeightedBackend] | None = Field(
        default=None, min_length=1, max_length=16, description="Who answers, by weight."
    )
    redirect: Redirect | None = Field(default=None, description="Answer with a redirection.")
    rewrite: Rewrite | None = Field(default=None, description="What the backend sees instead.")
    timeouts: Timeouts | None = Field(default=None, description="Instead of spec.timeouts.")
    retry: Retry | None = Field(default=None, description="Instead of spec.retry.")
    request_headers: HeaderChanges | None = Field(default=None, description="Instead of spec.requestHeaders.")
    response_headers: HeaderChanges | None = Field(default=None, description="Instead of spec.responseHeaders.")


class HTTP(OwnModel):
    paths: list[Path] = Field(min_length=1, max_length=64, description="The paths of this host.")


class Rule(OwnModel):
    host: Host | None = Field(
        default=None, description="An exact name or `*.` and a name for one label; all hosts when absent."
    )
    http: HTTP | None = Field(default=None, description="Its paths; without it, the host goes to the default backend.")


class TLS(OwnModel):
    hosts: list[Host] = Field(
        default_factory=list, max_length=64, description="SNI names; those of the rules when empty."
    )
    secret_name: str = Field(
        default="",
        max_length=253,
        description="A Secret with tls.crt and tls.key; the installation's default when empty.",
    )


class CiliumIngressSpec(OwnModel):
    model_config = ConfigDict(
        json_schema_extra=rule(
            "has(self.defaultBackend) || (has(self.rules) && size(self.rules) > 0)",
            "spec must have rules or defaultBackend, or both",
        )
        | rule(
            "!self.httpsRedirect || (has(self.tls) && size(self.tls) > 0)",
            "httpsRedirect needs tls: there would be nothing to redirect to",
        )
    )

    ingress_class_name: str | None = Field(
        default=None, max_length=253, description="An IngressClass of ours; this kind is ours also without."
    )
    default_backend: Backend | None = Field(default=None, description="Who answers what no rule matches.")
    tls: list[TLS] = Field(default_factory=list, max_length=64, description="Certificates by host.")
    rules: list[Rule] = Field(default_factory=list, max_length=64, description="What is served, by host.")
    https_redirect: bool = Field(default=False, description="Answer HTTP for the hosts of `tls` with a 308 to HTTPS.")
    timeouts: Timeouts = Field(default=Timeouts(), description="For all paths that have none of their own.")
    retry: Retry | None = Field(default=None, description="For all paths that have none of their own.")
    request_headers: HeaderChanges | None = Field(
        default=None, description="For all paths that have none of their own."
    )
    response_headers: HeaderChanges | None = Field(
        default=None, description="For all paths that have none of their own."
    )


class CiliumIngress(KubeObject):
    """An Ingress with timeouts, retries, rewrites, redirects, header changes, HTTP to HTTPS and weighted backends."""

    spec: CiliumIngressSpec
    status: ServedStatus = Field(default=ServedStatus(), exclude=True, repr=False)
