"""Which program belongs where. Pure."""

from collections.abc import Mapping

from bpf.syscalls import AttachType

CONNECT: Mapping[str, AttachType] = {
    "connect_ipv4": AttachType.CGROUP_INET4_CONNECT,
    "connect_ipv6": AttachType.CGROUP_INET6_CONNECT,
    "send_ipv4": AttachType.CGROUP_UDP4_SENDMSG,
    "send_ipv6": AttachType.CGROUP_UDP6_SENDMSG,
    "receive_ipv4": AttachType.CGROUP_UDP4_RECVMSG,
    "receive_ipv6": AttachType.CGROUP_UDP6_RECVMSG,
    "peer_ipv4": AttachType.CGROUP_INET4_GETPEERNAME,
    "peer_ipv6": AttachType.CGROUP_INET6_GETPEERNAME,
}
"""The programs of `connect.bpf.c`, all on the node's cgroup."""
