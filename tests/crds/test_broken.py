"""What users get wrong and the API server refuses: a file each, whose comment is what kubectl prints, word for word."""

from pathlib import Path

import pytest

from tests.kubectl import Kubectl

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yaml"))


def expected(text: str) -> list[str]:
    """The comment at the top."""
    lines = text.splitlines()
    end = next(at for at, line in enumerate(lines) if not line.startswith("# "))
    return [line.removeprefix("# ") for line in lines[:end]]


def test_there_are_enough():
    assert len(BROKEN) >= 60


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_message(path: Path, kubectl: Kubectl):
    text = path.read_text()
    refused = kubectl.run("apply", "-f", "-", stdin=text)
    assert refused.returncode != 0
    assert [line.rstrip() for line in refused.stderr.splitlines()] == expected(text)
