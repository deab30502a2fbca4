"""The services of `node.proto` over gRPC's generic handlers: typed, without generated stubs."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc

from operators.node_api.node_pb2 import IssueRequest, IssueResponse

CERTIFICATES = "tulle.node.v1.Certificates"

Context = grpc.aio.ServicerContext[Any, Any]
Handler: TypeAlias = "grpc.GenericRpcHandler[Any, Any]"
Issue = Callable[[IssueRequest, Context], Awaitable[IssueResponse]]


def certificates_handler(issue: Issue) -> Handler:
    """Serves `Certificates.Issue`."""
    method = grpc.unary_unary_rpc_method_handler(issue, IssueRequest.FromString, IssueResponse.SerializeToString)
    return grpc.method_handlers_generic_handler(CERTIFICATES, {"Issue": method})


async def issue(channel: grpc.aio.Channel, csr_der: bytes, token: str, timeout: float) -> IssueResponse:  # noqa: ASYNC109 - gRPC's deadline
    """Call `Certificates.Issue` with a bearer token."""
    call = channel.unary_unary(f"/{CERTIFICATES}/Issue", IssueRequest.SerializeToString, IssueResponse.FromString)
    metadata = (("authorization", f"Bearer {token}"),)
    response: IssueResponse = await call(IssueRequest(csr_der=csr_der), metadata=metadata, timeout=timeout)
    return response
