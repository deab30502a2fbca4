"""Seconds as `google.protobuf.Duration` fields."""


def duration(seconds: float | None) -> dict[str, int]:
    """None is Envoy's zero: no limit."""
    whole = int(seconds or 0)
    return {"seconds": whole, "nanos": round(((seconds or 0) - whole) * 1e9)}
