"""Addresses and prefixes as the API lets them through."""

import pytest

from operators.ir.services import Family
from operators.services.addresses import canonical, prefix_of


@pytest.mark.parametrize(
    ("text", "family", "read"),
    [
        ("10.0.0.1", Family.IPV4, "10.0.0.1"),
        ("010.000.0.01", Family.IPV4, "10.0.0.1"),
        ("::ffff:10.0.0.1", Family.IPV4, "10.0.0.1"),
        ("FD00:0::1", Family.IPV6, "fd00::1"),
        ("10.0.0.1", Family.IPV6, None),
        ("fd00::1", Family.IPV4, None),
        ("fd00::1%eth0", Family.IPV6, None),
        ("10.0.0", Family.IPV4, None),
        ("", Family.IPV4, None),
    ],
)
def test_addresses(text, family, read):
    assert canonical(text, family) == read


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        (" 010.1.2.3/8 ", "10.0.0.0/8"),
        ("fd00::1/64", "fd00::/64"),
        ("10.0.0.0/255.0.0.0", "None"),
        ("10.0.0.0", "None"),
        ("10.0.0.0/33", "None"),
        ("", "None"),
    ],
)
def test_prefixes(text, read):
    assert str(prefix_of(text)) == read
