"""How a file gets its name: written aside under a lock, checked, synced, renamed, and the folder synced.

A temporary file belongs to a living builder if and only if its lock is held (:mod:`blurdata.locks`).
"""

import fcntl
import hashlib
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from blurdata.files import output_error, sync
from blurdata.locks import lock, same_file

_SYNC_EVERY_S = 0.2
_PATTERNS = (".shard-*.tmp", ".plan.json.*.tmp", ".index.json.*.tmp")


def _host() -> str:
    return socket.gethostname().replace("/", "_") or "host"


def publish(target: Path, data: bytes | Callable[[int], None], check: Callable[[Path], None] | None = None) -> str:
    """Put ``data`` at ``target`` so that the file is whole or not there at all; returns its blake2b hash.

    ``data`` may be a function that writes it to a file descriptor. ``check`` is given the temporary file before it gets its name,
    and raises if it is not right.

    Raises:
        OutputError: If the folder is full, read-only or not there; nothing is left behind.
    """
    try:
        with _temporary(target) as (temporary, stream):
            if callable(data):
                with _brought_to_disk(stream.fileno()):
                    data(stream.fileno())
            else:
                stream.write(data)
                stream.flush()
            if check is not None:
                check(temporary)
            os.fsync(stream.fileno())
            digest = hash_file(temporary)
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


def prove_writable(folder: Path) -> None:
    """Raise OutputError now rather than after hours of work."""
    target = folder / "plan.json"
    try:
        with _temporary(target):
            pass
    except OSError as error:
        raise output_error(folder, error) from error


def hash_file(path: Path) -> str:
    """Hex blake2b (32 bytes) of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=32)).hexdigest()


@contextmanager
def _temporary(target: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new locked file beside ``target``; it is removed unless the block renames it."""
    while True:
        path = target.with_name(f".{target.name}.{_host()}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
        stream = path.open("x+b")
        if lock(stream) and same_file(path, stream):
            break
        stream.close()  # a sweep took it between its making and its lock
    try:
        with stream:
            yield path, stream
    finally:
        path.unlink(missing_ok=True)


def leftovers(folder: Path, *, any_host: bool) -> list[Path]:
    """Temporary files that no living builder holds; those of other hosts only with ``any_host``."""
    found = sorted(path for pattern in _PATTERNS for path in folder.glob(pattern))
    return [path for path in found if (any_host or f".{_host()}." in path.name) and _abandoned(path)]


def _abandoned(path: Path, then: Callable[[Path], None] | None = None) -> bool:
    """True where the lock can be had; where the file system cannot tell, the file is left alone.

    ``then`` is called while the lock is held, so that no builder who has just made the file can take it meanwhile.
    """
    try:
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if then is not None:
                then(path)
    except OSError:
        return False
    return True


def sweep(folder: Path, *, any_host: bool = False) -> list[Path]:
    """Remove leftovers of killed builders; returns what was removed."""
    return [path for path in leftovers(folder, any_host=any_host) if _abandoned(path, Path.unlink)]
