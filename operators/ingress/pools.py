"""LoadBalancerIPPools and nodes → pools as `plan_addresses` wants them."""

import ipaddress
from collections.abc import Iterable

from crds.core import Node
from crds.load_balancer_ip_pool import Block as BlockSpec
from crds.load_balancer_ip_pool import LoadBalancerIPPool
from operators.ingress.addresses import Address, Block, Pool
from operators.ingress.claims import Age
from operators.ir.problems import Problem, Reason
from operators.ir.refs import ObjectRef


def pool_of(given: LoadBalancerIPPool, nodes: Iterable[Node]) -> tuple[Pool, tuple[Problem, ...]]:
    """A block that nobody can read gives no addresses, and is said; the others do."""
    meta, spec = given.metadata, given.spec
    ref = ObjectRef("LoadBalancerIPPool", "", meta.name)
    blocks: list[Block] = []
    problems: list[Problem] = []
    for at, one in enumerate(spec.blocks):
        try:
            blocks.append(block_of(one))
        except ValueError as error:
            problems.append(Problem(ref, f"spec.blocks[{at}]", Reason.INVALID_SPEC, str(error)))
    selector = spec.node_selector
    eligible = frozenset(
        node.metadata.name for node in nodes if selector is None or selector.matches(node.metadata.labels)
    )
    pool = Pool(meta.name, Age.of(ref, meta.creation_timestamp), tuple(blocks), eligible, spec.interface, spec.disabled)
    return pool, tuple(problems)


def block_of(given: BlockSpec) -> Block:
    """ValueError with a sentence where there are no addresses."""
    if given.cidr:
        return _network(given.cidr)
    if not given.start or not given.stop:
        raise ValueError("a block must have either cidr, or start and stop")
    first, last = _address(given.start), _address(given.stop)
    if first.version != last.version:
        raise ValueError(f"start {first} and stop {last} must be of one family")
    if int(first) > int(last):
        raise ValueError(f"start {first} must not be above stop {last}")
    return Block(first, last)


def _network(cidr: str) -> Block:
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError as error:
        raise ValueError(f"{cidr!r} is not a network such as 192.0.2.0/28 or 2001:db8::/124") from error
    return Block(network.network_address, network.broadcast_address)


def _address(text: str) -> Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not an IP address") from error


def size(pool: Pool) -> int:
    """How many addresses it has; what is in two of its blocks counts twice."""
    return sum(int(block.last) - int(block.first) + 1 for block in pool.blocks)
