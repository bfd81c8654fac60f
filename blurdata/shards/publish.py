"""How a file gets its name: written aside under a lock, checked, synced, renamed, and the folder synced.

A temporary file belongs to a living builder if and only if its lock is held (:mod:`blurdata.locks`).
"""

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blake3 import blake3

from blurdata import locks
from blurdata.errors import output_error
from blurdata.files import sync

HASH = "blake3"
_SYNC_EVERY_S = 0.2
_HASHES: dict[str, Callable[[], Any]] = {HASH: blake3, "blake2b": lambda: hashlib.blake2b(digest_size=32)}


def _host() -> str:
    return socket.gethostname().replace("/", "_") or "host"


def publish(target: Path, data: bytes | Callable[[int], None], check: Callable[[Path], None] | None = None, kind: str = HASH) -> str:
    """Put ``data`` at ``target`` so that the file is whole or not there at all; returns its hash of a kind.

    ``data`` may be a function that writes it to a file descriptor. ``check`` is given the temporary file before it gets its name,
    and raises if it is not right.

    Raises:
        OutputError: If the folder is full, read-only or not there; nothing is left behind.
    """
    try:
        with locks.temporary(target, of=f"{_host()}.") as (temporary, stream):
            with _brought_to_disk(stream.fileno()):
                if callable(data):
                    data(stream.fileno())
                else:
                    stream.write(data)
                    stream.flush()
                if check is not None:
                    check(temporary)
                digest = hash_file(temporary, kind)
            os.fsync(stream.fileno())
            _let_go(stream.fileno())
            temporary.replace(target)
            sync(target.parent)
    except OSError as error:
        raise output_error(target, error) from error
    return digest


@contextmanager
def _brought_to_disk(descriptor: int) -> Iterator[None]:
    """Sync again and again what the block writes, so that the last fsync finds little left to wait for.

    Raises:
        OSError: If the disk failed meanwhile; a later fsync of the same file would not say so again.
    """
    done = threading.Event()
    failed: list[OSError] = []

    def sync() -> None:
        while not done.wait(_SYNC_EVERY_S) and not failed:
            try:
                os.fdatasync(descriptor)
            except OSError as error:
                failed.append(error)

    thread = threading.Thread(target=sync, name="blurdata-sync", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    if failed:
        raise failed[0]


def _let_go(descriptor: int) -> None:
    """Give back the memory that the system keeps a synced file's content in, for the next shard to be written to.

    A set is larger than memory and read in another order later; fresh memory is up to ten times as slow to write to on virtual machines.
    """
    if hasattr(os, "posix_fadvise"):  # not on macOS
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def hash_file(path: Path, kind: str = HASH) -> str:
    """The hash of a file's content, 64 hex digits behind the name of its kind: ``blake3:…``, or ``blake2b:…`` as once was taken.

    BLAKE3 is as safe as BLAKE2b and four to six times as fast, which took a sixth of what a blended pair costs.
    """
    with path.open("rb") as stream:
        return f"{kind}:{hashlib.file_digest(stream, _HASHES[kind]).hexdigest()}"


def leftovers(folder: Path, *, any_host: bool) -> list[Path]:
    """Temporary files that no living builder holds; those of other hosts, whose locks may not reach here, only with ``any_host``."""
    return [path for path in locks.leftovers(folder) if any_host or f".{_host()}." in path.name]


def sweep(folder: Path, *, any_host: bool = False) -> list[Path]:
    """Remove leftovers of killed builders; returns what was removed."""
    return locks.sweep(leftovers(folder, any_host=any_host))
