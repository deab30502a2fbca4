"""Claims and Services → what each host serves."""

from collections.abc import Iterator
from dataclasses import dataclass

from operators.collections import Collection, Context, Graph
from operators.ingress.claims import Claims, HostClaim
from operators.ingress.conflicts import DefaultClaim, HostPlan, plan_default, plan_host
from operators.ingress.hosts import WILDCARD, wildcard_of
from operators.ingress.options import IngressSettings
from operators.ingress.services import ServiceFacts
from operators.ingress.tls_hosts import TlsPlan
from operators.ingress.virtual_hosts import HostRoutes, host_routes, virtual_host
from operators.ir.routes import ANY_HOST, Scheme, VirtualHost


@dataclass(frozen=True, slots=True)
class Routing:
    """`plans` and `routes` by host; `default_plan` and `default_routes` hold one value at most, for hosts without own default."""

    plans: Collection[HostPlan]
    default_plan: Collection[HostPlan]
    routes: Collection[HostRoutes]
    default_routes: Collection[HostRoutes]


def routing_tables(
    graph: Graph, claims: Collection[Claims], services: Collection[ServiceFacts], settings: IngressSettings
) -> Routing:
    host_claims: Collection[HostClaim] = graph.derive("host claims", claims, lambda one, _: one.hosts)
    hosts = graph.groups("hosts", host_claims.index("by host", lambda claim: claim.host))
    plans = graph.derive("host plans", hosts, lambda group, _: plan_host(group.key, group.members))
    defaults = graph.derive("default claims", claims, lambda one, _: _default_claim(one))
    default_plan = graph.collect("default plan", defaults, lambda every, _: plan_default(every))

    def routes(plan: HostPlan, ctx: Context) -> HostRoutes:
        return host_routes(plan, lambda key: ctx.one(services, key), settings.https_port)

    return Routing(
        plans,
        default_plan,
        graph.derive("host routes", plans, routes),
        graph.derive("default routes", default_plan, routes),
    )


def _default_claim(claims: Claims) -> DefaultClaim | None:
    if claims.default is None:
        return None
    named = any(host.host != ANY_HOST for host in claims.hosts)
    return DefaultClaim(claims.age, claims.default, claims.https_redirect, named)


def virtual_hosts_table(
    graph: Graph, routing: Routing, tls: Collection[TlsPlan], settings: IngressSettings
) -> Collection[VirtualHost]:
    """Over HTTP all hosts; over HTTPS those that a client can reach through some TLS host."""
    under_wildcard = tls.index("under wildcard", lambda plan: wildcard_of(plan.host))

    def reached(host: str, ctx: Context) -> bool:
        if host == ANY_HOST or ctx.one(tls, ANY_HOST) or ctx.one(tls, host):
            return True
        if host.startswith(WILDCARD):
            return bool(ctx.all(under_wildcard, host))
        wildcard = wildcard_of(host)
        return wildcard is not None and ctx.one(tls, wildcard) is not None

    def hosts(mine: HostRoutes, ctx: Context) -> Iterator[VirtualHost]:
        hostless = None if mine.host == ANY_HOST else ctx.one(routing.routes, ANY_HOST)
        default = None if mine.http.default else ctx.one(routing.default_routes, ANY_HOST)
        yield virtual_host(settings.gateway, Scheme.HTTP, mine, hostless, default)
        if reached(mine.host, ctx):
            yield virtual_host(settings.gateway, Scheme.HTTPS, mine, hostless, default)

    return graph.derive("virtual hosts", routing.routes, hosts)
