"""A host's plan and the Services there are → its routes, over HTTP and HTTPS."""

from dataclasses import dataclass

from operators.ingress.backends import ClusterUse, FindService, Resolver
from operators.ingress.claims import Backends
from operators.ingress.conflicts import HostPlan, Won
from operators.ir.problems import Problem
from operators.ir.refs import Origin
from operators.ir.routes import Redirect, Respond, Route, Scheme, VirtualHost, precedence


@dataclass(frozen=True, slots=True)
class SchemeRoutes:
    """Routes of one host over one scheme, and the one that takes the rest (none or one)."""

    own: tuple[Route, ...] = ()
    default: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True)
class HostRoutes:
    host: str
    http: SchemeRoutes
    https: SchemeRoutes
    uses: frozenset[ClusterUse] = frozenset()
    problems: tuple[Problem, ...] = ()

    @property
    def key(self) -> str:
        return self.host

    def over(self, scheme: Scheme) -> SchemeRoutes:
        return self.http if scheme is Scheme.HTTP else self.https


def host_routes(plan: HostPlan, find: FindService, https_port: int) -> HostRoutes:
    """Look up the backends of all that is served at one host."""
    resolver = Resolver(find)
    own = sorted(((won, _route(won, resolver)) for won in plan.paths), key=lambda pair: precedence(pair[1]))
    default = [(plan.default, _route(plan.default, resolver))] if plan.default else []
    https = SchemeRoutes(tuple(route for _, route in own), tuple(route for _, route in default))
    http = SchemeRoutes(_over_http(own, https_port), _over_http(default, https_port))
    return HostRoutes(plan.host, http, https, frozenset(resolver.uses), problems=tuple(resolver.problems))


def _route(won: Won, resolver: Resolver) -> Route:
    claim, handling = won.claim, won.claim.handling
    action = resolver.action(won.ref, claim.to, handling) if isinstance(claim.to, Backends) else claim.to
    origin = Origin(won.ref, claim.field)
    if isinstance(action, Respond):
        return Route(claim.match, action, origin)
    return Route(claim.match, action, origin, handling.request_headers, handling.response_headers)


def _over_http(routes: list[tuple[Won, Route]], https_port: int) -> tuple[Route, ...]:
    """Those whose owner wants HTTPS only lead there; 308 keeps method and body."""
    to_https = Redirect(308, scheme="https", port=None if https_port == 443 else https_port)
    return tuple(Route(route.match, to_https, route.origin) if won.https_redirect else route for won, route in routes)


def virtual_host(
    gateway: str, scheme: Scheme, mine: HostRoutes, hostless: HostRoutes | None, default: HostRoutes | None
) -> VirtualHost:
    """A named host's own routes, then rules without host, then its own default backend or that of all."""
    last = mine.over(scheme).default or (default.over(scheme).default if default else ())
    between = hostless.over(scheme).own if hostless else ()
    return VirtualHost(gateway, scheme, mine.host, mine.over(scheme).own, (*between, *last))
