"""Discovery requests and responses to and from bytes.

Responses are put together from bytes that were encoded once per resource, so no protobuf message is built per stream; the
tests compare with Envoy's own message classes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

from envoy_xds.api import message
from envoy_xds.resource import Resource


@dataclass(frozen=True, slots=True)
class Entry:
    """A published resource and its bytes inside a delta response, shared by all streams."""

    resource: Resource
    version: str
    delta: bytes = field(repr=False)

    @property
    def whole(self) -> bytes:
        """Its bytes inside a state-of-the-world response; made when asked for, as few clients are of that kind."""
        return _field(2, _any(self.resource.type_url, self.resource.body()))


@dataclass(frozen=True, slots=True)
class Node:
    """Who speaks on a stream, by its own account."""

    id: str
    cluster: str


@dataclass(frozen=True, slots=True)
class DeltaRequest:
    type_url: str
    node: Node
    nonce: str = ""
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    held: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class WholeRequest:
    """A state-of-the-world request."""

    type_url: str
    node: Node
    nonce: str = ""
    names: tuple[str, ...] = ()
    error: str | None = None


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number: int, data: bytes) -> bytes:
    """A length-delimited field."""
    return bytes((number << 3 | 2,)) + _varint(len(data)) + data


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode()) if text else b""


def _any(type_url: str, body: bytes) -> bytes:
    return _text(1, type_url) + _field(2, body)


def entry(resource: Resource, version: str) -> Entry:
    """`version` is the resource's own, which the caller knows already."""
    inner = _text(1, version) + _field(2, _any(resource.type_url, resource.body())) + _text(3, resource.name)
    return Entry(resource, version, _field(2, inner))


def delta_response(type_url: str, nonce: str, parts: Iterable[bytes], removed: Sequence[str]) -> bytes:
    """`parts` are `Entry.delta` of what changed."""
    names = [_text(6, name) for name in removed]
    return b"".join([*parts, _text(4, type_url), _text(5, nonce), *names])


def whole_response(type_url: str, nonce: str, version: str, parts: Iterable[bytes]) -> bytes:
    """`parts` are `Entry.whole` of what there is."""
    return b"".join([_text(1, version), *parts, _text(4, type_url), _text(5, nonce)])


class _Status(Protocol):
    message: str


class _Node(Protocol):
    id: str
    cluster: str


class _Request(Protocol):
    type_url: str
    node: _Node
    response_nonce: str
    error_detail: _Status
    resource_names: Sequence[str]
    resource_names_subscribe: Sequence[str]
    resource_names_unsubscribe: Sequence[str]
    initial_resource_versions: Mapping[str, str]

    def HasField(self, name: str) -> bool: ...  # noqa: N802 - protobuf's own name


def _error(request: _Request) -> str | None:
    return request.error_detail.message if request.HasField("error_detail") else None


def delta_request(data: bytes) -> DeltaRequest:
    request = cast("_Request", message("envoy.service.discovery.v3.DeltaDiscoveryRequest").FromString(data))
    return DeltaRequest(
        type_url=request.type_url,
        node=Node(request.node.id, request.node.cluster),
        nonce=request.response_nonce,
        subscribe=tuple(request.resource_names_subscribe),
        unsubscribe=tuple(request.resource_names_unsubscribe),
        held=dict(request.initial_resource_versions),
        error=_error(request),
    )


def whole_request(data: bytes) -> WholeRequest:
    request = cast("_Request", message("envoy.service.discovery.v3.DiscoveryRequest").FromString(data))
    return WholeRequest(
        type_url=request.type_url,
        node=Node(request.node.id, request.node.cluster),
        nonce=request.response_nonce,
        names=tuple(request.resource_names),
        error=_error(request),
    )
