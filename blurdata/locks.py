"""Who writes here? A file belongs to a living process if and only if its ``flock`` is held.

A test of the process id would not do: killed workers stay zombies where nothing reaps them, and ids repeat between containers.
"""

import errno
import fcntl
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from blurdata.errors import OutputError, output_error

_TEMPORARY = re.compile(r"\.[0-9a-f]{8}\.tmp$")
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


@contextmanager
def only_writer(*targets: Path) -> Iterator[None]:
    """Let no other process write these files until the block ends, by a locked hidden file beside each.

    A killed process leaves the hidden file behind, unlocked: it is in nobody's way, and the next writer takes it away.

    Raises:
        OutputError: If another run writes one of them, or the folder cannot be written.
    """
    with ExitStack() as held:
        for target in sorted(set(targets)):
            held.enter_context(_held(target))
        yield


@contextmanager
def _held(target: Path) -> Iterator[None]:
    path = target.with_name(f".{target.name}.lock")
    while True:
        try:
            stream = path.open("a+b")
        except OSError as error:
            raise output_error(target, error) from error
        if not lock(stream):
            stream.close()
            msg = f"{target}: is being written by another run; wait until that has ended, or choose another --out."
            raise OutputError(msg)
        if same_file(path, stream):
            break
        stream.close()  # its last writer took it away between our opening and our lock
    with stream:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # while it is still locked: it is nobody else's


@contextmanager
def temporary(target: Path, *, of: str = "") -> Iterator[tuple[Path, BinaryIO]]:
    """A new locked hidden file beside ``target``, with ``of`` in its name; it is removed unless the block renames it."""
    while True:
        path = target.with_name(f".{target.name}.{of}{secrets.token_hex(4)}.tmp")
        stream = path.open("x+b")
        if lock(stream) and same_file(path, stream):
            break
        stream.close()  # a sweep took it between its making and its lock
    try:
        with stream:
            yield path, stream
    finally:
        with suppress(OSError):  # the folder itself may be what is wrong
            path.unlink(missing_ok=True)


def leftovers(folder: Path) -> list[Path]:
    """Temporary files below ``folder`` that no living process holds."""
    return sorted(path for path in folder.rglob(".*.tmp") if _TEMPORARY.search(path.name) and _abandoned(path))


def sweep(paths: Iterable[Path]) -> list[Path]:
    """Remove those of the temporary files that no living process holds; returns them."""
    return [path for path in paths if _abandoned(path, Path.unlink)]


def _abandoned(path: Path, then: Callable[[Path], None] | None = None) -> bool:
    """True where the lock can be had; where the file system cannot tell, the file is left alone.

    ``then`` is called while the lock is held, so that no process which has just made the file can take it meanwhile.
    """
    try:
        with path.open("r+b") as stream:  # NFS locks only what is open to be written
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if then is not None:
                then(path)
    except OSError:
        return False
    return True


def lock(stream: BinaryIO) -> bool:
    """Take the lock if it can be had; file systems without locks count as locked."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


def same_file(path: Path, stream: BinaryIO) -> bool:
    """Whether a path still leads to the open file."""
    try:
        return path.stat().st_ino == os.fstat(stream.fileno()).st_ino
    except FileNotFoundError:
        return False
