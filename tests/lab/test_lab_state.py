"""Claims: a name and a number belong to one cluster, also when two commands ask at the same time."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from e2e.lab import layout as layouts
from e2e.lab import network, state
from e2e.lab.errors import LabError
from e2e.lab.layout import Layout, netns


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """A cache and a machine without namespaces, of this test alone."""
    for module in (state, layouts):
        monkeypatch.setattr(module, "CLUSTERS", tmp_path / "lab")
    monkeypatch.setattr(network, "NAMES", tmp_path / "netns")
    return tmp_path


def claim(name: str, number: int = 0) -> Layout:
    return state.claim(name, 1, "bridge", kube_proxy=True, number=number)


def test_a_claim_is_found_again_until_it_is_forgotten():
    made = claim("demo")
    (made.folder / "pki").mkdir()
    assert state.names() == ["demo"]
    assert state.read("demo") == made

    state.forget(made)
    assert state.names() == []
    assert not made.folder.exists()


def test_a_name_is_taken_once():
    claim("demo")

    with pytest.raises(LabError, match="there is a cluster demo already; to remove it: e2e/lab/lab down demo"):
        claim("demo")


def test_a_number_is_taken_once():
    number = claim("one").number

    with pytest.raises(LabError, match=f"cluster one has number {number}"):
        claim("two", number)


def test_claims_at_the_same_time_have_different_numbers():
    with ThreadPoolExecutor(3) as pool:  # not more, since clusters that are up on this machine hold ports
        made = set(pool.map(lambda i: claim(f"c{i}").number, range(3)))

    assert len(made) == 3


def test_a_port_that_is_in_use_is_passed_over_and_refused():
    taken = claim("probe")
    state.forget(taken)
    with socket.create_server(("127.0.0.1", taken.api_port)):
        assert claim("demo").number != taken.number
        with pytest.raises(LabError, match=f"127.0.0.1:{taken.api_port} is in use"):
            claim("other", taken.number)


def test_a_namespace_that_is_not_ours_is_left_alone(folders):
    (folders / "netns").mkdir()
    (folders / "netns" / netns("demo-n1")).touch()

    with pytest.raises(LabError, match="there is a network namespace tulle-demo-n1 that is not ours"):
        claim("demo")
    assert state.names() == []


def test_an_unknown_cluster_is_answered_with_the_known():
    claim("demo")

    with pytest.raises(LabError, match="there is no cluster other; there is: demo"):
        state.read("other")
