"""What several types say alike: where Envoy gets a resource that another one names, and how it treats a connection."""

from envoy_xds.durations import duration

ADS: dict[str, object] = {"ads": {}, "resource_api_version": 2}  # from us, on the same stream; ApiVersion.V3
ADS_ONLY: dict[str, object] = ADS | {"initial_fetch_timeout": duration(None)}
"""For what must be there before its user is: Envoy would go on without it after 15 s."""

BUFFER = {"value": 256 << 10}
"""Bytes held for a connection whose peer is slower; also how much of a request's body can be sent again."""


def keepalive() -> dict[str, object]:
    """A peer that vanished without a word is noticed after 90 s."""
    return {
        "keepalive_time": {"value": 60},
        "keepalive_interval": {"value": 10},
        "keepalive_probes": {"value": 3},
    }
