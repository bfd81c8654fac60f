"""Who writes here? A file belongs to a living process if and only if its ``flock`` is held.

A test of the process id would not do: killed workers stay zombies where nothing reaps them, and ids repeat between containers.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from blurdata.errors import OutputError
from blurdata.files import output_error

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
