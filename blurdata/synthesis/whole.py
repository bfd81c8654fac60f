"""Is a video file all there? Its container says how long each part is; what should lie beyond the file's end is missing.

MP4 and MOV are boxes (ISO/IEC 14496-12, 4.2), Matroska and WebM are EBML elements (RFC 8794), AVI is RIFF chunks. Decoders read a file
that was cut off without a word, and counting frames cannot tell: a Matroska file need not say how many it has.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_BOXES = (b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"styp", b"pnot")
_EBML = b"\x1a\x45\xdf\xa3"


def missing_bytes(path: Path) -> int:
    """Bytes that the container promises beyond the end of the file; 0 for whole files and for those that do not say.

    Live recordings may leave lengths open; in them only a part that itself is cut off can be told.

    Args:
        path: A file that can be read.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "cut.mov"
        >>> _ = path.write_bytes((1000).to_bytes(4, "big") + b"mdat" + bytes(92))
        >>> missing_bytes(path)
        900
    """
    length = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(12)
        if head[4:8] in _BOXES:
            ends = _boxes(stream, length)
        elif head[:4] == _EBML:
            ends = _elements(stream, length)
        elif head[:4] == b"RIFF" and head[8:] == b"AVI ":
            ends = _chunks(stream, length)
        else:
            return 0
        return max(0, max(ends, default=0) - length)


def _boxes(stream: BinaryIO, length: int) -> Iterator[int]:
    """Where each outermost box of an MP4 ends."""
    end = 0
    while end + 8 <= length:
        stream.seek(end)
        head = stream.read(16)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if size < 8:  # 0 reaches to the end of the file, others are no boxes
            return
        end += size
        yield end


def _elements(stream: BinaryIO, length: int) -> Iterator[int]:
    """Where each outermost element of a Matroska file ends; those of open length are entered."""
    end = 0
    while end < length:
        stream.seek(end)
        head = stream.read(12)
        name_bytes = 9 - head[0].bit_length()
        if name_bytes > 4 or len(head) <= name_bytes or not head[name_bytes]:
            return
        size_bytes = 9 - head[name_bytes].bit_length()
        body = name_bytes + size_bytes
        mask = (1 << 7 * size_bytes) - 1
        size = int.from_bytes(head[name_bytes:body], "big") & mask
        end += body + (0 if size == mask else size)
        yield end


def _chunks(stream: BinaryIO, length: int) -> Iterator[int]:
    """Where each outermost RIFF chunk of an AVI ends."""
    end = 0
    while end + 8 <= length:
        stream.seek(end)
        head = stream.read(8)
        if head[:4] != b"RIFF":
            return
        end += 8 + int.from_bytes(head[4:], "little")
        yield end
        end += end % 2


def avi_parts(path: Path, stream_number: int) -> tuple[int, int]:
    """How many parts of an AVI stand for frames of a stream, and how many of them have data: one without repeats the frame before it.

    Args:
        path: A file that can be read; of anything but an AVI no part is found.
        stream_number: The stream's place in the file, from 0.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "short.avi"
        >>> _ = path.write_bytes(b"RIFF" + bytes([28, 0, 0, 0]) + b"AVI 00dc" + bytes([4, 0, 0, 0]) + b"data00dc" + bytes(8))
        >>> avi_parts(path, 0)
        (2, 1)
    """
    kinds = tuple(b"%02d%s" % (stream_number, kind) for kind in (b"dc", b"db"))
    parts, filled, place = 0, 0, 0
    with path.open("rb") as stream:
        while len(head := _at(stream, place)) == 12:
            name, size = head[:4], int.from_bytes(head[4:8], "little")
            if name in (b"RIFF", b"LIST") and head[8:] in (b"AVI ", b"AVIX", b"movi", b"rec "):
                place += 12  # what lies in these counts
                continue
            if not (name.isascii() and name.decode().isprintable()) or not place:
                break
            parts += name in kinds
            filled += name in kinds and size > 0
            place += 8 + size + size % 2
    return parts, filled


def _at(stream: BinaryIO, place: int) -> bytes:
    stream.seek(place)
    return stream.read(12)
