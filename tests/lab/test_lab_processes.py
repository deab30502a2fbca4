"""Daemons that outlive their starter, and signals that must not come between two steps."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from e2e.lab import processes
from e2e.lab.interrupts import held_back


@pytest.fixture
def sleeper(tmp_path):
    processes.start(tmp_path, "sleeper", ["sleep", "1000"])
    yield processes.pid_of(tmp_path, "sleeper")
    processes.stop(tmp_path, "sleeper")


def test_a_daemon_is_found_by_its_record_and_stopped(sleeper, tmp_path):
    assert sleeper is not None
    assert os.getsid(sleeper) == sleeper  # of its own session, so that Ctrl-C does not reach it

    processes.stop(tmp_path, "sleeper")
    assert processes.started(sleeper) is None
    assert processes.pid_of(tmp_path, "sleeper") is None


def test_stopping_twice_or_nothing_is_fine(sleeper, tmp_path):
    processes.stop(tmp_path, "sleeper")
    processes.stop(tmp_path, "sleeper")
    processes.stop(tmp_path / "nowhere", "sleeper")


def test_another_process_with_the_recorded_number_is_not_ours(tmp_path):
    with subprocess.Popen(["sleep", "1000"]) as stranger:
        (tmp_path / "old.process").write_text(json.dumps({"pid": stranger.pid, "started": "1"}))
        processes.stop(tmp_path, "old")

        assert stranger.poll() is None
        stranger.kill()


def test_a_daemon_says_into_its_log(tmp_path):
    processes.start(tmp_path, "speaker", ["echo", "hello"])
    processes.end(json.loads((tmp_path / "speaker.process").read_text())["pid"], signal.SIGCONT)

    assert (tmp_path / "speaker.log").read_text() == "hello\n"


@pytest.fixture
def heeding() -> Iterator[None]:
    """Ctrl-C is an exception, also where the tests run in a script's background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeding")
def test_a_signal_waits_until_both_steps_are_done():
    done = []

    def two_steps() -> None:
        with held_back():
            signal.raise_signal(signal.SIGINT)
            done.append("second step")

    with pytest.raises(KeyboardInterrupt):
        two_steps()
    assert done == ["second step"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
