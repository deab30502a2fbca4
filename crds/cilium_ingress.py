"""CiliumIngress: an Ingress, and what Ingress cannot say. Names follow Gateway API where it has one."""

from typing import Literal

from pydantic import ConfigDict, Field

from crds.base import OwnModel
from crds.core import KubeObject
from crds.schema import SET, keyed, rule
from crds.strings import (
    DURATION,
    Duration,
    HeaderName,
    HeaderValue,
    Host,
    Hostname,
    NewPath,
    PortName,
    Retriable,
    ServiceName,
)

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"]


class BackendPort(OwnModel):
    model_config = ConfigDict(
        json_schema_extra=rule("has(self.number) != has(self.name)", "a port has exactly one of number and name")
    )

    number: int | None = Field(default=None, ge=1, le=65535, description="The Service's port by number.")
    name: PortName | None = Field(default=None, description="The Service's port by name.")


class ServiceBackend(OwnModel):
    name: ServiceName = Field(description="A Service in the namespace of this object.")
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
    value: NewPath = Field(description="The new path or prefix; begins with a slash.")


class Rewrite(OwnModel):
    model_config = ConfigDict(
        json_schema_extra=rule("has(self.hostname) || has(self.path)", "a rewrite has hostname or path, or both")
    )

    hostname: Hostname | None = Field(default=None, description="The Host that the backend sees.")
    path: PathModifier | None = Field(default=None, description="The path that the backend sees.")


class Redirect(OwnModel):
    model_config = ConfigDict(
        json_schema_extra=rule(
            "has(self.scheme) || has(self.hostname) || has(self.port) || has(self.path)",
            "a redirect changes at least one of scheme, hostname, port and path",
        )
    )

    scheme: Literal["http", "https"] | None = Field(default=None, description="The new scheme; absent keeps it.")
    hostname: Hostname | None = Field(default=None, description="The new host; absent keeps it.")
    port: int | None = Field(default=None, ge=1, le=65535, description="The new port; absent is the scheme's own.")
    path: PathModifier | None = Field(default=None, description="The new path; absent keeps it.")
    status_code: Literal[301, 302, 303, 307, 308] = Field(default=302, description="The status of the answer.")


class Timeouts(OwnModel):
    """Limits of time; `0s` is no limit."""

    model_config = ConfigDict(
        json_schema_extra=rule(
            "!has(self.request) || !has(self.backendRequest)"
            # What is no duration has a message of its own.
            f" || !self.request.matches(r'{DURATION}') || !self.backendRequest.matches(r'{DURATION}')"
            " || duration(self.request) == duration('0s') || duration(self.backendRequest) <= duration(self.request)",
            "backendRequest cannot be longer than request: all tries together have no more time than request",
            ".backendRequest",
        )
    )

    request: Duration | None = Field(
        default=None, description="From the request's end to the answer's end; no limit by default."
    )
    backend_request: Duration | None = Field(
        default=None, description="The same for each try at a backend; no limit by default."
    )
    idle: Duration | None = Field(default=None, description="Without a byte in either direction; 5 minutes by default.")


class Retry(OwnModel):
    attempts: int = Field(default=2, ge=1, le=10, description="How often a failed request is tried again.")
    # Not `on`: in YAML that is a boolean.
    retry_on: list[Retriable] = Field(
        default=["connect-failure", "refused-stream", "503"],
        min_length=1,
        max_length=16,
        json_schema_extra=SET,
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

    set: list[Header] = Field(
        default_factory=list, max_length=16, json_schema_extra=keyed("name"), description="Replaces or adds."
    )
    add: list[Header] = Field(default_factory=list, max_length=16, description="Adds beside what is there.")
    remove: list[HeaderName] = Field(
        default_factory=list, max_length=16, json_schema_extra=SET, description="Takes away."
    )


class HeaderMatch(OwnModel):
    model_config = ConfigDict(
        json_schema_extra=rule(
            "self.type != 'RegularExpression' || self.value != ''",
            "a RegularExpression is not empty; .* matches any value",
            ".value",
        )
    )

    name: HeaderName = Field(description="The header's name; case does not matter.")
    value: HeaderValue = Field(description="What it must be.")
    type: Literal["Exact", "RegularExpression"] = Field(
        default="Exact", description="Exact compares, RegularExpression is RE2 over the whole value."
    )


def _needs_prefix(part: str) -> str:
    """A CEL expression: if `part` replaces what a prefix matched, then there is a prefix."""
    kept = f"!has(self.{part}) || !has(self.{part}.path) || self.{part}.path.type != 'ReplacePrefixMatch'"
    return f"self.pathType == 'Prefix' || {kept}"


PREFIX_NEEDED = "ReplacePrefixMatch needs pathType Prefix; ReplaceFullPath goes with all"


class Path(OwnModel):
    model_config = ConfigDict(
        json_schema_extra=rule(
            "(has(self.backend) ? 1 : 0) + (has(self.backends) ? 1 : 0) + (has(self.redirect) ? 1 : 0) == 1",
            "a path has exactly one of backend, backends and redirect",
        )
        | rule(
            "self.pathType == 'ImplementationSpecific' || self.path.startsWith('/')",
            "a path of type Exact or Prefix begins with a slash",
            ".path",
        )
        | rule(
            r"self.pathType == 'ImplementationSpecific' || !self.path.matches(r'//|/\.\.?(/|$)')",
            "a path of type Exact or Prefix has no //, /./ or /../",
            ".path",
        )
        | rule(
            r"self.pathType == 'ImplementationSpecific' || !self.path.matches(r'[?#\pC\pZ]|%2[fF]')",
            "a path of type Exact or Prefix has no ?, #, space or %2F",
            ".path",
        )
        | rule(
            "!(has(self.rewrite) && has(self.redirect))",
            "rewrite is for backends: a redirect has its own path and hostname",
            ".rewrite",
        )
        | rule(
            "!has(self.redirect) || !(has(self.timeouts) || has(self.retry) || has(self.requestHeaders))",
            "timeouts, retry and requestHeaders are for backends: a redirect asks none",
            ".redirect",
        )
        | rule(_needs_prefix("rewrite"), PREFIX_NEEDED, ".rewrite.path.type")
        | rule(_needs_prefix("redirect"), PREFIX_NEEDED, ".redirect.path.type")
        | rule(
            "!has(self.backends) || self.backends.exists(b, !has(b.weight) || b.weight > 0)",
            "at least one of backends has a weight above 0",
            ".backends",
        )
    )

    path: str = Field(
        default="/", min_length=1, max_length=1024, description="What pathType compares with the request's path."
    )
    path_type: Literal["Exact", "Prefix", "ImplementationSpecific"] = Field(
        description="Exact, Prefix by whole segments, or ImplementationSpecific: an RE2 expression for the whole path."
    )
    methods: list[Method] = Field(
        default_factory=list, max_length=9, json_schema_extra=SET, description="Only these methods; all when empty."
    )
    headers: list[HeaderMatch] = Field(
        default_factory=list,
        max_length=16,
        json_schema_extra=keyed("name"),
        description="Only requests with all of these headers.",
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
            "a CiliumIngress has rules or defaultBackend, or both",
        )
        | rule(
            "!self.httpsRedirect || (has(self.tls) && size(self.tls) > 0)",
            "httpsRedirect needs tls: there is no HTTPS to redirect to",
            ".httpsRedirect",
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
    """`status` is not kept: the writer compares with what the API server holds."""

    spec: CiliumIngressSpec
