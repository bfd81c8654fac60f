"""Where HDF5 writes a shard: an open file whose disk may be full."""

import io
import os
from types import TracebackType
from typing import Any, Self

_WAITING_BYTES = 1 << 20  # chunks are 48 kB and end amid a page: written one by one they cost twice as much


class Sink:
    """An open file as h5py wants one, to be left as a context manager: bytes that follow each other are gathered before they are written.

    Failures are kept and raised when HDF5 is done, for it does not survive them itself.

    Args:
        descriptor: Of a file that is open for reading and writing.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._place = descriptor, 0
        self._failure: OSError | None = None
        self._room, self._begin, self._end = memoryview(bytearray(_WAITING_BYTES)), 0, 0  # what waits, and from where to where it belongs

    def check(self) -> None:
        """Raise the failure, if there was one."""
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.flush()
        if self._failure is not None and error is not self._failure:
            raise self._failure from error

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        if whence == io.SEEK_END:
            self.flush()
            base = os.fstat(self._descriptor).st_size
        else:
            base = self._place if whence == io.SEEK_CUR else 0
        self._place = base + offset
        return self._place

    def tell(self) -> int:
        """The place."""
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Bytes from the place on."""
        self.flush()
        data = os.pread(self._descriptor, size if size >= 0 else self.seek(0, io.SEEK_END), self._place)
        self._place += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the place on."""
        self.flush()
        count = os.preadv(self._descriptor, [buffer], self._place)
        self._place += count
        return count

    def write(self, data: Any) -> int:
        """Put all bytes at the place."""
        left = memoryview(data).cast("B")
        size = len(left)
        while left:
            if self._place != self._end or self._end - self._begin == len(self._room):
                self.flush()
                self._begin = self._end = self._place
            at = self._end - self._begin
            part = left[: len(self._room) - at]
            self._room[at : at + len(part)] = part
            self._end = self._place = self._end + len(part)
            left = left[len(part) :]
        return size

    def truncate(self, size: int | None = None) -> int:
        """Cut or extend the file."""
        size = self._place if size is None else size
        self.flush()
        try:
            os.ftruncate(self._descriptor, size)
        except OSError as error:
            self._failure = self._failure or error
        return size

    def flush(self) -> None:
        """Write what waits."""
        left = self._room[: self._end - self._begin]
        while left and self._failure is None:
            try:
                count = os.pwrite(self._descriptor, left, self._begin)
            except OSError as error:
                self._failure = error
                break
            self._begin, left = self._begin + count, left[count:]
        self._begin = self._end
