"""Names by content: what has the same name was made of the same files in the same way."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

LENGTH = 12
LEFT_OUT = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


def files_in(paths: Iterable[Path]) -> list[Path]:
    """The given files, and all below the given folders."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += [file for file in path.rglob("*") if file.is_file() and not LEFT_OUT & set(file.parts)]
        else:
            found.append(path)
    return sorted(set(found))


def digest(root: Path, paths: Iterable[Path], *words: str) -> str:
    """Of the files' names below `root`, modes and contents, and of `words`: whatever else decides on the result."""
    sha = hashlib.sha256("\0".join(words).encode())
    for file in files_in(paths):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        executable = bool(file.stat().st_mode & 0o100)
        sha.update(f"{file.relative_to(root)}\0{executable}\0{content}\n".encode())
    return sha.hexdigest()[:LENGTH]
