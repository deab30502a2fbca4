"""Opens and loads compiled objects by libbpf, which comes with pylibbpf: its extension module exports libbpf's functions.

Only found, never imported as a package: pylibbpf's own classes cannot set pin roots or constants, and bring a compiler.
"""

import ctypes
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

_Pointer = ctypes.c_void_p
LOG_SIZE = 64 << 10


class LoadError(OSError):
    """The kernel refused an object; `words` are the verifier's last."""

    def __init__(self, number: int, path: Path, words: str) -> None:
        super().__init__(number, f"{path.name}: {os.strerror(number)}: {words}" if words else os.strerror(number))
        self.words = words


class _OpenOptions(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_size_t),
        ("object_name", ctypes.c_char_p),
        ("relaxed_maps", ctypes.c_bool),
        ("pin_root_path", ctypes.c_char_p),
        ("reserved", ctypes.c_uint32),
        ("kconfig", ctypes.c_char_p),
        ("btf_custom_path", ctypes.c_char_p),
        ("kernel_log_buf", _Pointer),
        ("kernel_log_size", ctypes.c_size_t),
        ("kernel_log_level", ctypes.c_uint32),
        ("token", ctypes.c_char_p),
    )


@cache
def _library() -> ctypes.CDLL:
    spec = find_spec("pylibbpf")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package pylibbpf is not installed")
    folder = Path(spec.submodule_search_locations[0])
    library = ctypes.CDLL(str(next(folder.glob("pylibbpf*.so"))), use_errno=True)
    library.libbpf_set_print(None)  # what it would say is in the errors
    return library


@cache
def _function(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    found = getattr(_library(), name)
    found.restype, found.argtypes = result, arguments
    return found  # type: ignore[no-any-return]


class Object:
    """A compiled object, loaded: its programs and maps as file descriptors, which belong to it. Close it, or use it as a context."""

    def __init__(self, path: Path, pins: Path, constants: Mapping[str, bytes] | None = None) -> None:
        """Maps that are pinned below `pins` are taken over, others made and pinned there. `constants`: sections by name.

        Raises LoadError where the kernel refuses it.
        """
        self._log = ctypes.create_string_buffer(LOG_SIZE)
        options = _OpenOptions(
            size=ctypes.sizeof(_OpenOptions),
            pin_root_path=str(pins).encode(),
            kernel_log_buf=ctypes.addressof(self._log),
            kernel_log_size=LOG_SIZE,
        )
        opened = _function("bpf_object__open_file", _Pointer, ctypes.c_char_p, _Pointer)
        self._object = opened(str(path).encode(), ctypes.byref(options))
        if not self._object:
            raise LoadError(ctypes.get_errno(), path, "")
        try:
            self._set(constants or {})
            self._load(path)
        except BaseException:
            self.close()
            raise
        self.programs = dict(self._each("program"))
        self.maps = dict(self._each("map"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """What is pinned or linked stays in the kernel."""
        if self._object:
            _function("bpf_object__close", None, _Pointer)(self._object)
            self._object = None

    def _load(self, path: Path) -> None:
        failed = _function("bpf_object__load", ctypes.c_int, _Pointer)(self._object)
        if failed:
            raise LoadError(-failed, path, _last_words(self._log.value))

    def _set(self, constants: Mapping[str, bytes]) -> None:
        find = _function("bpf_object__find_map_by_name", _Pointer, _Pointer, ctypes.c_char_p)
        put = _function("bpf_map__set_initial_value", ctypes.c_int, _Pointer, ctypes.c_char_p, ctypes.c_size_t)
        for name, value in constants.items():
            failed = put(find(self._object, name.encode()), value, len(value))
            if failed:
                raise OSError(-failed, f"section {name}: {os.strerror(-failed)}")

    def _each(self, kind: str) -> Iterator[tuple[str, int]]:
        following = _function(f"bpf_object__next_{kind}", _Pointer, _Pointer, _Pointer)
        name = _function(f"bpf_{kind}__name", ctypes.c_char_p, _Pointer)
        fd = _function(f"bpf_{kind}__fd", ctypes.c_int, _Pointer)
        one = following(self._object, None)
        while one:
            yield name(one).decode(), fd(one)
            one = following(self._object, one)


def _last_words(log: bytes) -> str:
    lines = [line for line in log.decode(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-3:])
