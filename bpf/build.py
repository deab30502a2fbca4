"""Compiles `progs/*.bpf.c` with one pinned clang, into a folder that is named for what went in."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

CLANG = "clang-19"
SOURCE = Path(__file__).parent
FLAGS = ("-target", "bpf", "-g", "-O2", "-Wall", "-Wextra", "-Werror", "-Wshadow")
CACHE = Path(os.environ.get("TULLE_CACHE", Path.home() / ".cache/tulle")) / "bpf"


def ensure() -> Path:
    """The folder of the compiled objects, built where they are not there yet. Raises FileNotFoundError without the compiler."""
    folder = CACHE / _digest()
    if folder.exists():
        return folder
    if shutil.which(CLANG) is None:
        raise FileNotFoundError(f"{CLANG} is not installed: apt-get install {CLANG} libbpf-dev")
    CACHE.mkdir(parents=True, exist_ok=True)
    unfinished = CACHE / f".{folder.name}-{os.getpid()}"
    unfinished.mkdir()
    try:
        for program in sorted((SOURCE / "progs").glob("*.bpf.c")):
            target = unfinished / program.name.replace(".bpf.c", ".o")
            subprocess.run(compile_command(program, target), check=True)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def compile_command(source: Path, target: Path) -> list[str]:
    """The architecture's own headers come last; what is compiled is the same for all of them."""
    headers = f"-idirafter/usr/include/{os.uname().machine}-linux-gnu"
    return [CLANG, *FLAGS, headers, "-c", str(source), "-o", str(target)]


def _digest() -> str:
    content = hashlib.sha256(" ".join((CLANG, *FLAGS)).encode())
    for file in sorted([*SOURCE.glob("progs/*.c"), *SOURCE.glob("include/*.h")]):
        content.update(file.name.encode() + b"\0" + file.read_bytes())
    return content.hexdigest()[:12]
