"""Strings with a form: hosts, durations, headers. Where users err, the API server answers with a sentence."""

from typing import Annotated

from pydantic import Field

from crds.schema import said

_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
# The last label has a letter; otherwise it would be an IP address.
_NAME = rf"({_LABEL}\.)*([0-9][-0-9]*)?[a-z]([-a-z0-9]*[a-z0-9])?"
DURATION = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"

Host = Annotated[
    str,
    Field(
        max_length=253,
        pattern=rf"^(\*\.)?{_NAME}$",
        json_schema_extra=said(
            "a host is a DNS name such as shop.example.com, or *.example.com for one label: lower case, no port, no IP address"
        ),
    ),
]
Hostname = Annotated[
    str,
    Field(
        max_length=253,
        pattern=rf"^{_NAME}$",
        json_schema_extra=said(
            "a hostname is a DNS name such as shop.example.com: lower case, no wildcard, no port, no IP address"
        ),
    ),
]
Duration = Annotated[
    str,
    Field(
        max_length=32,
        pattern=DURATION,
        json_schema_extra=said("a duration is written like 500ms, 10s or 1m30s; 0s is no limit"),
    ),
]
ServiceName = Annotated[
    str,
    Field(
        max_length=63,
        pattern="^[-a-z0-9]+$",
        json_schema_extra=said(
            "a Service is named by its name alone; it is looked for in the namespace of this object"
        ),
    ),
]
PortName = Annotated[
    str,
    Field(
        max_length=63,
        pattern="^[-a-z0-9]+$",
        json_schema_extra=said("a port's name is lower case; a port's number goes into number"),
    ),
]
HeaderName = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$")]
HeaderValue = Annotated[str, Field(max_length=4096, pattern=r"^[^\r\n\x00]*$")]
Retriable = Annotated[
    str,
    Field(
        max_length=15,
        pattern=r"^([1-5][0-9][0-9]|5xx|gateway-error|reset|connect-failure|refused-stream)$",
        json_schema_extra=said(
            "what is retried is a status code, 5xx, gateway-error, reset, connect-failure or refused-stream"
        ),
    ),
]
NewPath = Annotated[
    str,
    Field(
        max_length=1024,
        pattern=r"^/[^?#\pC\pZ]*$",
        json_schema_extra=said("a new path begins with a slash and has no ?, # or space"),
    ),
]
