"""What is published: a named resource of one type, made of fragments that remember whose they are.

A fragment is encoded protobuf fields of the resource's message; concatenating the fragments gives the message. So a change of
one virtual host encodes one virtual host, and a rejected one can be left out without decoding anything.
"""

from dataclasses import dataclass, field
from hashlib import blake2b

from operators.ir.refs import ObjectRef

HEAD = ""
"""Key of the fragment without which the resource means nothing (its name, its address); the only one of a simple resource."""

ABSENT = ""
"""The version of a resource that is not there."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """Encoded fields of a resource, and the objects to tell when Envoy refuses them."""

    key: str
    data: bytes = field(repr=False)  # may hold a private key
    origins: frozenset[ObjectRef]


@dataclass(frozen=True, slots=True)
class Resource:
    type_url: str
    name: str
    fragments: tuple[Fragment, ...]

    def body(self) -> bytes:
        return b"".join([fragment.data for fragment in self.fragments])

    @property
    def version(self) -> str:
        """A hash of the content: equal on all replicas and after a restart."""
        return version_of(self.body())

    @property
    def origins(self) -> frozenset[ObjectRef]:
        return frozenset().union(*(fragment.origins for fragment in self.fragments))


def version_of(body: bytes) -> str:
    return blake2b(body, digest_size=8).hexdigest()


def simple(type_url: str, name: str, body: bytes, origins: frozenset[ObjectRef] = frozenset()) -> Resource:
    """A resource of one piece."""
    return Resource(type_url, name, (Fragment(HEAD, body, origins),))
