"""Pools, gateways and nodes → which address each gateway has and which node holds it. Pure; the leader writes the result.

Nothing moves without need: an address that is held stays while its pool has it, and stays on its node while that node may
hold it. Every address of a block can be given out, the first and last of a CIDR too: these are single addresses on an
existing network, not a network of their own.
"""

import hashlib
import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from operators.ingress.claims import Age
from operators.ir.addresses import AddressAssignment
from operators.ir.problems import Problem, Reason
from operators.ir.refs import ObjectRef

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
FAMILIES = (4, 6)


@dataclass(frozen=True, slots=True)
class Block:
    """Addresses from `first` to `last`, both included."""

    first: Address
    last: Address

    def __contains__(self, address: Address) -> bool:
        return address.version == self.first.version and int(self.first) <= int(address) <= int(self.last)

    def overlaps(self, other: "Block") -> bool:
        return self.first in other or other.first in self

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class Pool:
    """A LoadBalancerIPPool as it matters here, its problems aside. `nodes`: names of all nodes that its selector admits."""

    name: str
    age: Age
    blocks: tuple[Block, ...]
    nodes: frozenset[str]
    interface: str = ""
    disabled: bool = False

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("LoadBalancerIPPool", "", self.name)

    def __contains__(self, address: Address) -> bool:
        return any(address in block for block in self.blocks)


@dataclass(frozen=True, slots=True)
class Plan:
    """`problems` are of pools (their ref) and of gateways (`ObjectRef("Gateway", "", owner)`)."""

    assignments: tuple[AddressAssignment, ...]
    problems: tuple[Problem, ...] = ()


def plan_addresses(
    pools: Iterable[Pool], owners: Iterable[str], ready_nodes: Collection[str], current: Iterable[AddressAssignment]
) -> Plan:
    """One address per owner and family that any pool gives. `ready_nodes` have a connected, ready proxy and agent.

    An address without a node that may hold it keeps its owner and has `node` empty.
    """
    in_order = sorted(pools, key=lambda pool: pool.age)
    usable, problems = _without_overlaps(in_order)
    held = {ipaddress.ip_address(one.address): one for one in sorted(current)}
    chosen = {owner: _keep(owner, in_order, held) for owner in sorted(set(owners))}
    used = {address for addresses in chosen.values() for address in addresses.values()}
    assignments: list[AddressAssignment] = []
    for owner, addresses in chosen.items():
        problems.extend(_fill(owner, addresses, usable, used))
        for _, address in sorted(addresses.items()):
            pool = next(pool for pool in in_order if address in pool)
            node = _node(address, pool, ready_nodes, held.get(address))
            assignments.append(AddressAssignment(str(address), owner, pool.name, node, pool.interface))
            if not node:
                problems.append(_nobody(owner, address, pool))
    return Plan(tuple(assignments), tuple(sorted(problems)))


def _without_overlaps(pools: Sequence[Pool]) -> tuple[list[Pool], list[Problem]]:
    """Of pools that share addresses the oldest keeps them; a younger one gives no new ones until it is mended."""
    usable: list[Pool] = []
    problems: list[Problem] = []
    for pool in pools:
        clash = next(((older, block) for older in usable for block in _shared(older, pool)), None)
        if clash is None:
            usable.append(pool)
            continue
        older, block = clash
        message = f"{block} is also in {older.ref}, which is older; this pool gives no new addresses until one of them is mended"
        problems.append(Problem(pool.ref, "spec.blocks", Reason.CONFLICT, message, fatal=True))
    return usable, problems


def _shared(older: Pool, younger: Pool) -> Iterator[Block]:
    return (block for block in younger.blocks if any(block.overlaps(other) for other in older.blocks))


def _keep(owner: str, pools: Sequence[Pool], held: Mapping[Address, AddressAssignment]) -> dict[int, Address]:
    """What the owner has already, the lowest per family, where its pool still has it: a disabled pool keeps what it gave."""
    kept: dict[int, Address] = {}
    for address in sorted(held, key=int):
        if held[address].owner == owner and any(address in pool for pool in pools):
            kept.setdefault(address.version, address)
    return kept


def _fill(owner: str, mine: dict[int, Address], pools: Sequence[Pool], used: set[Address]) -> Iterator[Problem]:
    """Give the owner an address of each family that it lacks and some pool gives."""
    giving = [pool for pool in pools if not pool.disabled]
    for family in FAMILIES:
        if family in mine or not any(block.first.version == family for pool in giving for block in pool.blocks):
            continue
        address = _lowest_free(family, giving, used)
        if address is None:
            yield _no_address(owner, f"no IPv{family} address is free: all are in use; add a block or a pool")
        else:
            mine[family] = address
            used.add(address)
    if not mine and not giving:
        what = "every LoadBalancerIPPool is disabled or in conflict" if pools else "there is no LoadBalancerIPPool"
        yield _no_address(owner, f"{what}; create one with addresses that reach the nodes")


def _lowest_free(family: int, pools: Sequence[Pool], used: Collection[Address]) -> Address | None:
    """The lowest of the oldest pool that has one: used addresses are few, so this looks at few."""
    for pool in pools:
        for block in sorted((b for b in pool.blocks if b.first.version == family), key=lambda b: int(b.first)):
            free = (address for address in _addresses(block) if address not in used)
            if address := next(free, None):
                return address
    return None


def _addresses(block: Block) -> Iterator[Address]:
    kind = type(block.first)
    return (kind(number) for number in range(int(block.first), int(block.last) + 1))


def _node(address: Address, pool: Pool, ready: Collection[str], held: AddressAssignment | None) -> str:
    """Rendezvous hash: a node that comes or goes moves only what it gets or had. Sticky while the holder may hold it."""
    eligible = pool.nodes & frozenset(ready)
    if held and held.node in eligible:
        return held.node
    return max(eligible, key=lambda node: _rank(address, node), default="")


def _rank(address: Address, node: str) -> tuple[bytes, str]:
    return hashlib.blake2b(f"{address} {node}".encode(), digest_size=8).digest(), node


def _nobody(owner: str, address: Address, pool: Pool) -> Problem:
    who = "no node matches its nodeSelector" if not pool.nodes else "none of its nodes has a ready proxy and agent"
    return _no_address(owner, f"no node can hold {address} of {pool.ref}: {who}")


def _no_address(owner: str, message: str) -> Problem:
    return Problem(ObjectRef("Gateway", "", owner), "", Reason.NO_ADDRESS, message)
