"""Announcements, byte by byte."""

from operators.node_agent.packets import announcements

MAC = bytes.fromhex("020000000001")


def test_ipv4_is_announced_by_a_request_and_a_reply():
    request, reply = announcements("10.0.0.50", MAC)

    assert request.hex(" ", 2) == (
        "ffff ffff ffff 0200 0000 0001 0806"  # to all, from us, ARP
        " 0001 0800 0604 0001"  # Ethernet, IPv4, request
        " 0200 0000 0001 0a00 0032 0000 0000 0000 0a00 0032"
    )
    assert reply.hex(" ", 2) == (
        "ffff ffff ffff 0200 0000 0001 0806 0001 0800 0604 0002 0200 0000 0001 0a00 0032 ffff ffff ffff 0a00 0032"
    )


def test_ipv6_is_announced_by_an_unsolicited_advertisement():
    (frame,) = announcements("fd00::50", MAC)

    assert frame.hex(" ", 2) == (
        "3333 0000 0001 0200 0000 0001 86dd"
        " 6000 0000 0020 3aff"  # 32 bytes of ICMPv6, hop limit 255
        " fd00 0000 0000 0000 0000 0000 0000 0050"
        " ff02 0000 0000 0000 0000 0000 0000 0001"
        " 8800 59fd 2000 0000"  # advertisement, checksum, override
        " fd00 0000 0000 0000 0000 0000 0000 0050"
        " 0201 0200 0000 0001"
    )
