"""Which node holds which load-balancer address."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class AddressAssignment:
    """`address` (IPv4 or IPv6, no prefix) is held for `owner` by `node`, on `interface` (empty: the device of the node's own address)."""

    address: str
    owner: str
    pool: str
    node: str
    interface: str = ""

    @property
    def key(self) -> str:
        return self.address
