"""Where HDF5 writes a shard: an open file whose disk may be full."""

import io
import os
from types import TracebackType
from typing import Any, Self


class Sink:
    """An open file as h5py wants one. Failures are kept and raised when HDF5 is done, for it does not survive them itself.

    Args:
        descriptor: Of a file that is open for reading and writing.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._place = descriptor, 0
        self._failure: OSError | None = None

    def check(self) -> None:
        """Raise the failure, if there was one."""
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._failure is not None and error is not self._failure:
            raise self._failure from error

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: os.fstat(self._descriptor).st_size}[whence]
        self._place = base + offset
        return self._place

    def tell(self) -> int:
        """The place."""
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Bytes from the place on."""
        data = os.pread(self._descriptor, size if size >= 0 else self.seek(0, io.SEEK_END), self._place)
        self._place += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the place on."""
        count = os.preadv(self._descriptor, [buffer], self._place)
        self._place += count
        return count

    def write(self, data: Any) -> int:
        """Put all bytes at the place."""
        left = memoryview(data)
        while left and self._failure is None:
            try:
                count = os.pwrite(self._descriptor, left, self._place)
            except OSError as error:
                self._failure = error
                break
            self._place, left = self._place + count, left[count:]
        return memoryview(data).nbytes

    def truncate(self, size: int | None = None) -> int:
        """Cut or extend the file."""
        size = self._place if size is None else size
        try:
            os.ftruncate(self._descriptor, size)
        except OSError as error:
            self._failure = self._failure or error
        return size

    def flush(self) -> None:
        """Nothing waits here."""
