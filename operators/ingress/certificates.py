"""TLS claims and Secrets → who answers TLS for which host with which certificate; certificates only while used."""

from dataclasses import dataclass
from datetime import datetime

from crds.core import Secret
from operators.collections import Collection, Context, Graph, Group
from operators.ingress.claims import Claims, TlsClaim
from operators.ingress.facts import key_pair
from operators.ingress.options import IngressSettings
from operators.ingress.tls import KeyPair, missing
from operators.ingress.tls_hosts import TlsPlan, plan_tls
from operators.ir.refs import ObjectRef
from operators.ir.routes import Certificate, TlsHost

CLOCK = "now"


@dataclass(frozen=True, slots=True)
class Clock:
    """The time, as coarse as its source sets it: certificates that expired are told to their owners at the next tick."""

    now: datetime

    @property
    def key(self) -> str:
        return CLOCK


@dataclass(frozen=True, slots=True)
class UsedSecret:
    """A Secret that some TLS entry names, there or not."""

    key: str


@dataclass(frozen=True, slots=True)
class Expired:
    """A certificate (by name) whose time is over."""

    key: str


@dataclass(frozen=True, slots=True)
class CertificateUse:
    certificate: str
    ref: ObjectRef

    @property
    def key(self) -> str:
        return f"{self.certificate}|{self.ref}"


@dataclass(frozen=True, slots=True)
class Tls:
    plans: Collection[TlsPlan]
    hosts: Collection[TlsHost]
    certificates: Collection[Certificate]


def tls_tables(
    graph: Graph,
    claims: Collection[Claims],
    secrets: Collection[Secret],
    clock: Collection[Clock],
    settings: IngressSettings,
) -> Tls:
    wanted: Collection[TlsClaim] = graph.derive("tls claims", claims, lambda one, _: one.tls)
    pairs = _key_pairs(graph, wanted, secrets)
    plans = _plans(graph, wanted, pairs, clock)
    hosts = graph.derive(
        "tls hosts",
        plans,
        lambda plan, _: TlsHost(settings.gateway, plan.host, plan.certificates, plan.origins),
    )
    return Tls(plans, hosts, _certificates(graph, plans, pairs))


def _key_pairs(graph: Graph, wanted: Collection[TlsClaim], secrets: Collection[Secret]) -> Collection[KeyPair]:
    """Only Secrets that a TLS entry names are read."""
    used = graph.derive("used secrets", wanted, lambda claim, _: UsedSecret(claim.secret) if claim.secret else None)

    def read(use: UsedSecret, ctx: Context) -> KeyPair:
        secret = ctx.one(secrets, use.key)
        return key_pair(use.key, secret) if secret else missing(use.key)

    return graph.derive("key pairs", used, read)


def _plans(
    graph: Graph, wanted: Collection[TlsClaim], pairs: Collection[KeyPair], clock: Collection[Clock]
) -> Collection[TlsPlan]:
    def expired(pair: KeyPair, ctx: Context) -> Expired | None:
        tick = ctx.one(clock, CLOCK)
        return Expired(pair.name) if tick and pair.not_after and pair.not_after < tick.now else None

    over = graph.derive("expired certificates", pairs, expired)

    def plan(group: Group[TlsClaim], ctx: Context) -> TlsPlan:
        return plan_tls(
            group.key,
            group.members,
            lambda name: ctx.one(pairs, name) or missing(name),
            lambda name: ctx.one(over, name) is not None,
        )

    return graph.derive("tls plans", graph.groups("tls names", wanted.index("by host", lambda one: one.host)), plan)


def _certificates(graph: Graph, plans: Collection[TlsPlan], pairs: Collection[KeyPair]) -> Collection[Certificate]:
    def uses(plan: TlsPlan, _: Context) -> list[CertificateUse]:
        return [CertificateUse(name, ref) for name in plan.certificates for ref in sorted(plan.origins)]

    def certificate(users: Group[CertificateUse], ctx: Context) -> Certificate | None:
        pair = ctx.one(pairs, users.key)
        if pair is None:
            return None
        return Certificate(pair.name, pair.chain, pair.private_key, frozenset(user.ref for user in users.members))

    used = graph.derive("certificate uses", plans, uses)
    return graph.derive(
        "certificates",
        graph.groups("certificate users", used.index("by name", lambda use: use.certificate)),
        certificate,
    )
