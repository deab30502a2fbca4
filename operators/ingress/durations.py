"""Durations as Gateway API writes them: `1h30m`, `500ms`, `0s`."""

import re

SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
PART = re.compile(r"([0-9]+)(h|ms|m|s)")
WHOLE = re.compile(r"([0-9]+(h|ms|m|s))+")


def seconds(text: str) -> float | None:
    """None where `text` is no duration; the schema refuses those, but a schema may be older than we are."""
    if not WHOLE.fullmatch(text):
        return None
    return round(sum(int(number) * SECONDS[unit] for number, unit in PART.findall(text)), 3)
