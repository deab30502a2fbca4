"""Envoy's protobuf API as message classes by name, from the FileDescriptorSet that `envoy_xds.generate` wrote.

The descriptors live in a pool of their own: generated packages register in protobuf's global pool, where two versions of a
file (Envoy's API and OpenTelemetry's share some) clash. Loading takes some 10 ms and happens on first use.
"""

import gzip
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Protocol

from google.protobuf import descriptor_pb2, json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

ENVOY_VERSION = "1.40"
TYPE_PREFIX = "type.googleapis.com/"


class MessageClass(Protocol):
    """What a message class of the pool can do; its fields are known at run time only."""

    def __call__(self, **fields: object) -> Message: ...

    def FromString(self, data: bytes) -> Message: ...  # noqa: N802 - protobuf's own name


@cache
def pool() -> DescriptorPool:
    packed = (files("envoy_xds") / "data" / f"envoy-{ENVOY_VERSION}.fds.gz").read_bytes()
    descriptors = descriptor_pb2.FileDescriptorSet.FromString(gzip.decompress(packed))
    loaded = DescriptorPool()
    for file in descriptors.file:  # the generator wrote dependencies first
        loaded.Add(file)
    return loaded


@cache
def message(name: str) -> MessageClass:
    """The class of a message by its full name, e.g. `envoy.config.route.v3.RouteConfiguration`; KeyError when there is none."""
    return message_factory.GetMessageClass(pool().FindMessageTypeByName(name))


def type_url(name: str) -> str:
    return TYPE_PREFIX + name


def encode(value: Message) -> bytes:
    """The bytes of a message, the same for equal messages (maps sorted), so that their hash can be a version."""
    return value.SerializeToString(deterministic=True)


def pack(value: Message) -> Message:
    """The message in a `google.protobuf.Any`, as extension fields want it."""
    return message("google.protobuf.Any")(type_url=type_url(value.DESCRIPTOR.full_name), value=encode(value))


def from_dict(name: str, fields: Mapping[str, object]) -> Message:
    """A message from its JSON form; unknown fields and wrong types raise `json_format.ParseError`."""
    return json_format.ParseDict(dict(fields), message(name)(), descriptor_pool=pool())


def to_dict(value: Message) -> dict[str, object]:
    """The JSON form of a message with the field names of the .proto files, `Any` unpacked."""
    return json_format.MessageToDict(value, preserving_proto_field_name=True, descriptor_pool=pool())
