"""What a cluster is called and where it is: no two clusters or nodes share an address, and no name reaches outside of its folder."""

import itertools

import pytest

from e2e.lab.errors import LabError
from e2e.lab.layout import MOST_CLUSTERS, MOST_NODES, Layout, check_number, check_size


def addresses(number: int) -> list[str]:
    layout = Layout(f"c{number}", number, MOST_NODES)
    return [*layout.addresses.values(), layout.pods, layout.services, layout.api_service, str(layout.api_port)]


def test_no_two_clusters_share_anything():
    everything = list(itertools.chain.from_iterable(addresses(number) for number in range(1, MOST_CLUSTERS + 1)))

    assert len(everything) == len(set(everything))


def test_nodes_leave_room_for_load_balancers_and_clients():
    last = Layout("big", 1, MOST_NODES).nodes[-1]

    assert int(Layout("big", 1, MOST_NODES).address(last).rsplit(".", 1)[1]) < 200


def test_a_cluster_is_known_by_its_number():
    layout = Layout("demo", 3, 2)

    assert layout.addresses == {"demo-n1": "172.30.3.11", "demo-n2": "172.30.3.12"}
    assert (layout.pods, layout.services, layout.dns_service) == ("10.243.0.0/16", "10.93.0.0/16", "10.93.0.10")
    assert layout.api_port == 13443


@pytest.mark.parametrize("name", ["a", "demo", "two-words", "a" * 32, "e2e-3"])
def test_good_names(name):
    check_size(name, 1)


@pytest.mark.parametrize("name", ["", "../x", "/tmp", "A", "1st", "-a", "a-", "a b", "a.b", "a" * 33, "a\n"])
def test_bad_names(name):
    with pytest.raises(LabError, match="cluster name"):
        check_size(name, 1)


@pytest.mark.parametrize("nodes", [0, -1, MOST_NODES + 1])
def test_bad_sizes(nodes):
    with pytest.raises(LabError, match="nodes"):
        check_size("demo", nodes)


@pytest.mark.parametrize("number", [0, -1, MOST_CLUSTERS + 1])
def test_bad_numbers(number):
    with pytest.raises(LabError, match="cluster number"):
        check_number(number)
