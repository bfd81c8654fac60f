"""Is a video file all there? Its container says how long each part is; what should lie beyond the file's end is missing.

MP4 and MOV are boxes (ISO/IEC 14496-12, 4.2), Matroska and WebM are EBML elements (RFC 8794), AVI is RIFF chunks, GIF is blocks of at most
255 bytes and a trailer, Y4M is frames of one size, raw MJPEG ends with the end of a picture, transport streams are packets of one size.
Decoders read a file that was cut off without a word, and counting frames cannot tell: a Matroska file need not say how many it has.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_BOXES = (b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"styp", b"pnot")
_EBML = b"\x1a\x45\xdf\xa3"
_Y4M = b"YUV4MPEG2 "
_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_CHROMA = {
    "420": (2, 2, 2),
    "422": (2, 2, 1),
    "444": (2, 1, 1),
    "411": (2, 4, 1),
    "mono": (0, 1, 1),
}  # planes, and what they are reduced by
_PACKETS = (188, 192, 204)  # bytes: plain, behind a time of arrival (M2TS), before a checksum
_SYNC = 0x47


def missing_bytes(path: Path) -> int:
    """Bytes that the container promises beyond the end of the file, at least; 0 for whole files and for those that do not say.

    Live recordings may leave lengths open, and Y4M and transport streams have none; in them only a part that itself is cut off can be told.

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
        elif head[:6] in (b"GIF87a", b"GIF89a"):
            ends = _blocks(stream, length)
        elif head.startswith(_Y4M):
            ends = _pictures(stream, length)
        elif head.startswith(_JPEG):
            ends = _closed(stream, length)
        else:
            ends = _packets(stream, length)
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


def _closed(stream: BinaryIO, length: int) -> Iterator[int]:
    """At least a byte beyond the end, unless there is the mark that ends the last of a row of JPEGs; zeros may lie behind it."""
    stream.seek(max(0, length - 4096))
    if not stream.read().rstrip(b"\0").endswith(_JPEG_END):
        yield length + 1


def _blocks(stream: BinaryIO, length: int) -> Iterator[int]:
    """Where each block of a GIF ends, its trailer last."""
    end = 13 + _table(_at(stream, 10))
    yield end
    while end < length:
        head = _at(stream, end)
        if head[0] == 0x21:  # an extension and its label
            end += 2
        elif head[0] == 0x2C:  # a picture: its place, its colours, and the width of its codes
            end += 11 + _table(head[9:])
        else:
            yield end + 1
            return
        while end < length and (size := _at(stream, end)[0]):
            end += 1 + size
        end += 1
        yield end + 1  # at least the trailer follows


def _table(flags: bytes) -> int:
    """Bytes of the table of colours that a GIF's flags announce."""
    return 3 << (flags[0] % 8 + 1) if flags and flags[0] & 0x80 else 0


def _pictures(stream: BinaryIO, length: int) -> Iterator[int]:
    """Where each frame of a Y4M ends."""
    stream.seek(0)
    header = stream.readline(1024)
    size = _picture_bytes(header.decode("ascii", "replace"))
    end = len(header)
    while size and end < length:
        stream.seek(end)
        line = stream.readline(1024)
        if not line.startswith(b"FRAME"[: len(line)]):
            return
        end += max(6, len(line)) + size
        yield end


def _picture_bytes(header: str) -> int:
    """Bytes of each frame by the first line of a Y4M, 0 where it is not understood."""
    fields = {field[0]: field[1:] for field in header.split()[1:]}
    colours = re.fullmatch(r"(420|422|444|411|mono)(alpha|jpeg|mpeg2|paldv|p?\d+)?", fields.get("C", "420"))
    if not colours or not (fields.get("W", "").isdigit() and fields.get("H", "").isdigit()):
        return 0
    width, height = int(fields["W"]), int(fields["H"])
    planes, across, down = _CHROMA[colours[1]]
    pixels = width * height * (2 if colours[2] == "alpha" else 1) + planes * -(-width // across) * -(-height // down)
    deep = (colours[2] or "").lstrip("p").isdigit()
    return pixels * (2 if deep else 1)


def _packets(stream: BinaryIO, length: int) -> Iterator[int]:
    """Where the last packet of a transport stream ends."""
    stream.seek(0)
    head = stream.read(4 * _PACKETS[-1])
    for size in _PACKETS:
        first = 4 if size == 192 else 0
        if len(head) >= 3 * size + 5 and all(head[first + i * size] == _SYNC for i in range(4)):
            yield length + -length % size
            return


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
