"""Whatever came before, the node holds what it should; nobody else's address is touched; each problem is told by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.node_agent.reconcile import Reconciler
from tests.agent.kernels import ETH0, ETH1, OWN, Announcements, FakeKernel, foreign, ours, wanted


def make(kernel) -> tuple[Reconciler, Announcements]:
    announcements = Announcements()
    return Reconciler(kernel, announcements, OWN), announcements


async def test_add_delete_add_holds_it_once_and_announces_it_twice():
    kernel = FakeKernel()
    reconciler, announcements = make(kernel)
    for round_ in (wanted("10.0.0.50"), wanted(), wanted("10.0.0.50")):
        assert not await reconciler.round(round_, prune=True)

    assert kernel.ours == {"10.0.0.50": "eth0"}
    assert announcements.made == ["10.0.0.50 eth0"] * 2
    assert announcements.forgotten == ["10.0.0.50"]


async def test_the_same_again_does_nothing():
    kernel = FakeKernel()
    reconciler, announcements = make(kernel)
    for _ in range(3):
        await reconciler.round(wanted("10.0.0.50", "fd00::50"), prune=True)

    assert kernel.calls == ["add 10.0.0.50 eth0", "add fd00::50 eth0"]
    assert len(announcements.made) == 2


async def test_a_restarted_agent_takes_over_what_it_finds_and_removes_nothing_before_it_knows_all():
    kernel = FakeKernel(ours("10.0.0.50"), ours("10.0.0.51"))
    reconciler, announcements = make(kernel)
    await reconciler.round(wanted(), prune=False)
    assert set(kernel.ours) == {"10.0.0.50", "10.0.0.51"}

    await reconciler.round(wanted("10.0.0.50"), prune=True)
    assert kernel.calls == ["remove 10.0.0.51 eth0"]
    assert not announcements.made


async def test_a_round_that_failed_half_way_is_finished_by_the_next():
    kernel = FakeKernel()
    reconciler, _ = make(kernel)
    kernel.refuses = {"10.0.0.51"}
    assert await reconciler.round(wanted("10.0.0.50", "10.0.0.51", "10.0.0.52"), prune=True) == {
        "10.0.0.51": "the kernel refuses"
    }
    assert set(kernel.ours) == {"10.0.0.50", "10.0.0.52"}

    kernel.refuses = set()
    kernel.calls.clear()
    assert not await reconciler.round(wanted("10.0.0.50", "10.0.0.51", "10.0.0.52"), prune=True)
    assert kernel.calls == ["add 10.0.0.51 eth0"]


async def test_what_others_removed_comes_back_and_is_announced():
    kernel = FakeKernel()
    reconciler, announcements = make(kernel)
    await reconciler.round(wanted("10.0.0.50"), prune=True)
    kernel.lose("10.0.0.50")
    await reconciler.round(wanted("10.0.0.50"), prune=True)

    assert kernel.ours == {"10.0.0.50": "eth0"}
    assert len(announcements.made) == 2


async def test_an_address_of_someone_else_is_a_problem_and_stays():
    kernel = FakeKernel(foreign("10.0.0.50"))
    reconciler, announcements = make(kernel)
    problems = await reconciler.round(wanted("10.0.0.50"), prune=True)
    await reconciler.round(wanted(), prune=True)

    assert problems == {"10.0.0.50": "10.0.0.50 is on eth1 of this node already, and Tulle did not put it there"}
    assert not kernel.calls
    assert not announcements.made


async def test_an_address_that_changes_its_device_is_added_there_before_it_is_removed_here():
    kernel = FakeKernel(ours("10.0.0.50"))
    reconciler, announcements = make(kernel)
    await reconciler.round(wanted("10.0.0.50", interface="eth1"), prune=True)

    assert kernel.calls == ["add 10.0.0.50 eth1", "remove 10.0.0.50 eth0"]
    assert announcements.made == ["10.0.0.50 eth1"]
    assert not announcements.forgotten


@pytest.mark.parametrize(
    ("address", "interface", "words"),
    [
        ("10.0.0.50", "eth9", "this node has no device eth9"),
        ("10.0.0.", "", "'10.0.0.' is not an IP address"),
    ],
)
async def test_what_cannot_be_placed_is_told(address, interface, words):
    reconciler, _ = make(FakeKernel())

    assert await reconciler.round(wanted(address, interface=interface), prune=True) == {address: words}


async def test_without_an_uplink_nothing_is_added_and_what_is_there_stays():
    kernel = FakeKernel(ours("10.0.0.50", ETH1))
    kernel.lose(OWN)
    reconciler, _ = make(kernel)
    problems = await reconciler.round(wanted("10.0.0.50"), prune=True)

    assert problems == {"10.0.0.50": f"no device of this node carries its address {OWN}"}
    assert kernel.ours == {"10.0.0.50": "eth1"}


async def test_an_address_in_another_notation_is_the_same_address():
    kernel = FakeKernel(ours("fd00::50"))
    reconciler, _ = make(kernel)
    await reconciler.round(wanted("FD00:0::0050"), prune=True)

    assert not kernel.calls


async def test_a_removal_that_fails_is_tried_again():
    kernel = FakeKernel(ours("10.0.0.50"))
    reconciler, _ = make(kernel)
    kernel.refuses = {"10.0.0.50"}
    await reconciler.round(wanted(), prune=True)
    kernel.refuses = set()
    await reconciler.round(wanted(), prune=True)

    assert not kernel.ours


async def test_a_device_that_comes_up_announces_what_it_carries():
    kernel = FakeKernel(ours("10.0.0.50"), ours("10.0.0.51", ETH1))
    reconciler, announcements = make(kernel)
    await reconciler.round(wanted("10.0.0.50") | wanted("10.0.0.51", interface="eth1"), prune=True)
    reconciler.announce_on(ETH0)

    assert announcements.made == ["10.0.0.50 eth0"]


names = st.sampled_from(["10.0.0.50", "10.0.0.51", "10.0.0.52", "fd00::50"])
devices = st.sampled_from(["", "eth0", "eth1"])


@given(st.lists(st.dictionaries(names, devices)), st.sets(names))
async def test_the_node_holds_what_was_said_last_whatever_was_said_before(rounds, lost):
    kernel = FakeKernel(foreign("10.0.0.99"))
    reconciler, _ = make(kernel)
    for one in rounds:
        for address in lost:
            kernel.lose(address)
        want = {name: wanted(name, interface=device)[name] for name, device in one.items()}
        assert not await reconciler.round(want, prune=True)

    assert kernel.ours == {name: device or "eth0" for name, device in (rounds[-1] if rounds else {}).items()}
    assert foreign("10.0.0.99") in kernel.held
