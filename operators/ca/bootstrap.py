"""The first certificate of a node's agent, for a bound service-account token: the service behind the bootstrap port.

In: a CSR and the pod's token. Out: a leaf for the node that the API server says the pod runs on. Whoever has an agent's
token can be that agent's node and no other.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import grpc
import structlog

from operators.ca.authority import Issued, LeafKey, Names, read_request
from operators.ca.limiter import Limiter
from operators.ca.reviews import Caller, NotAuthenticated, Review
from operators.ca.spiffe import AGENT, agent_id
from operators.kube import UNREACHABLE, KubeError
from operators.node_api.node_pb2 import IssueRequest, IssueResponse
from operators.node_api.services import Context, Handler, certificates_handler

log = structlog.get_logger("bootstrap")

BEARER = "bearer "
RATE, BURST = 1.0, 10  # of one host: agents renew every 16 hours and retry with backoff


class Sign(Protocol):
    def __call__(self, key: LeafKey, names: Names) -> Issued: ...


@dataclass(frozen=True, slots=True)
class Denied(Exception):  # noqa: N818 - reads as a sentence where it is raised
    """A call that gets no certificate, with the answer for it."""

    code: grpc.StatusCode
    message: str


@dataclass(frozen=True, slots=True)
class Certificates:
    """Add `handler` to a server that has TLS."""

    review: Review
    sign: Sign
    trust_domain: str
    namespace: str
    limiter: Limiter = field(default_factory=lambda: Limiter(RATE, BURST))

    def handler(self) -> Handler:
        return certificates_handler(self.issue)

    async def issue(self, request: IssueRequest, context: Context) -> IssueResponse:
        try:
            return await self._issue(request, context)
        except Denied as denied:
            log.warning("no certificate", peer=context.peer(), code=denied.code.name, reason=denied.message)
            await context.abort(denied.code, denied.message)
            raise

    async def _issue(self, request: IssueRequest, context: Context) -> IssueResponse:
        if not self.limiter.allows(host(context.peer())):
            raise Denied(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many requests from this host; try again later")
        caller = await reviewed(self.review, bearer_token(context))
        name = self.identity(caller)
        try:
            issued = self.sign(read_request(request.csr_der), Names(name))
        except ValueError as error:
            raise Denied(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error
        log.info("certificate issued", identity=name, pod=caller.pod, expires=issued.expires.isoformat())
        return IssueResponse(
            chain_pem=issued.chain, trust_bundle_pem=issued.bundle, renew_at_unix=int(issued.renew_at.timestamp())
        )

    def identity(self, caller: Caller) -> str:
        wanted = f"system:serviceaccount:{self.namespace}:{AGENT}"
        if caller.user != wanted:
            raise Denied(grpc.StatusCode.PERMISSION_DENIED, f"the token is of {caller.user}, not of {wanted}")
        if not caller.node:
            raise Denied(
                grpc.StatusCode.PERMISSION_DENIED,
                "the token does not say which node its pod is on: use a projected token, on Kubernetes 1.30 or later",
            )
        return agent_id(self.trust_domain, self.namespace, caller.node)


async def reviewed(review: Callable[[str], Awaitable[Caller]], token: str) -> Caller:
    try:
        return await review(token)
    except NotAuthenticated as error:
        raise Denied(grpc.StatusCode.UNAUTHENTICATED, f"the token was refused: {error}") from error
    except (KubeError, *UNREACHABLE) as error:
        reason = f"the token could not be reviewed: {error}"
        raise Denied(grpc.StatusCode.UNAVAILABLE, reason) from error


def bearer_token(context: Context) -> str:
    for name, value in context.invocation_metadata() or ():
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if name == "authorization" and text.lower().startswith(BEARER):
            return text[len(BEARER) :].strip()
    raise Denied(grpc.StatusCode.UNAUTHENTICATED, "no bearer token in the metadata `authorization`")


def host(peer: str) -> str:
    """Of gRPC's name of a peer, e.g. `ipv4:10.0.0.1:40000`: without the port."""
    return peer.rpartition(":")[0]
