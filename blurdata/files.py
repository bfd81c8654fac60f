"""Files at the edge: pictures in and out, atomic writes, natural order, content hashes."""

import errno
import hashlib
import io
import os
import re
import stat
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from blurdata.errors import SourceError, output_error
from blurdata.locks import temporary
from blurdata.pairs import Image

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
UNREAD_SUFFIXES = (".heic", ".heif", ".avif", ".jxl", ".jp2")  # pictures too, of kinds that are not read
NO_PICTURE = (OSError, ValueError, SyntaxError, PillowImage.DecompressionBombError)  # what Pillow raises where it can read none
_ORIENTATION = 0x0112  # the EXIF tag
_SUBFILE_TYPE = 254  # the TIFF tag; its lowest bit marks a reduced copy of another page
_SAMPLE_FORMAT = 339  # the TIFF tag; 3 is float
_COMPRESSION = 259  # the TIFF tag
_ZLIB = (8, 32946)  # what it says of parts packed by zlib
_PARTS = ((273, 324), (279, 325))  # the TIFF tags that say where strips or tiles begin, and how long they are
_PNG_HEADER = 33  # bytes of a PNG's signature and first chunk
_NOT_THERE = (errno.ENOENT, errno.EACCES, errno.ELOOP, errno.EISDIR)
_MAX_EXIF_BYTES = 1 << 20
_ROWS = 128
MAX_PIXELS = 152_000_000  # the largest camera's; a larger picture is refused: a small file can claim to be enormous


def natural_key(path: Path | str) -> tuple[tuple[int, str], ...]:
    """Sort key by which ``frame2`` comes before ``frame10``; ties fall back on the text itself.

    Example:
        >>> sorted(["f10.png", "f2.png"], key=natural_key)
        ['f2.png', 'f10.png']
    """
    text = str(path)
    parts = re.split(r"(\d+)", text)
    key = tuple((int(part), "") if part.isdigit() and part.isascii() else (-1, part) for part in parts)
    return (*key, (-1, text))


def is_image(path: Path) -> bool:
    """Whether a file is named as a picture is, and not hidden."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def list_images(folder: Path) -> list[Path]:
    """Picture files directly inside ``folder`` in natural order; hidden files are skipped."""
    try:
        found = [path for path in folder.iterdir() if is_image(path)]
    except OSError as error:
        msg = f"{folder}: cannot be listed ({error.strerror}); give a folder of pictures."
        raise SourceError(msg) from error
    return sorted(found, key=lambda path: natural_key(path.name))


def _check_regular(path: Path) -> None:
    """Raise OSError for what is neither a file nor a folder: whoever opens a pipe waits for ever."""
    if not stat.S_ISREG(mode := path.stat().st_mode) and not stat.S_ISDIR(mode):
        msg = "it is no regular file"
        raise OSError(msg)


@contextmanager
def open_header(path: Path) -> Iterator[PillowImage.Image]:
    """A picture of which Pillow has read the header; :func:`image_size` refuses what is enormous, so Pillow need not warn of it."""
    _check_regular(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PillowImage.DecompressionBombWarning)
        picture = PillowImage.open(path)
    with picture:
        yield picture


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of a picture from its header alone, EXIF orientation honoured.

    Raises:
        SourceError: If the file is missing, no picture, or larger than ``MAX_PIXELS``.
    """
    try:
        with open_header(path) as picture:
            width, height = picture.size
            exif = _png_exif(path) if picture.format == "PNG" else picture.getexif()
            if exif.get(_ORIENTATION, 1) >= 5:  # stored on its side
                width, height = height, width
    except FileNotFoundError as error:
        msg = f"{path}: there is no such picture."
        raise SourceError(msg) from error
    except NO_PICTURE as error:
        _refuse_float(path)
        msg = f"{path}: is not a picture that can be read ({error})."
        raise SourceError(msg) from error
    if width * height > MAX_PIXELS:
        msg = f"{path}: is {width}x{height}, over the limit of {MAX_PIXELS} pixels; cut it into smaller pictures."
        raise SourceError(msg)
    return height, width


def _refuse_float(path: Path) -> None:
    """Raise SourceError for a TIFF of float samples: Pillow and OpenCV, where they read none, take it for no picture or a damaged one."""
    if path.suffix.lower() not in (".tif", ".tiff"):
        return
    try:
        _check_regular(path)
        with path.open("rb") as stream:
            kinds = _tiff_tags(stream).get(_SAMPLE_FORMAT, ())
    except (*NO_PICTURE, struct.error):
        return
    if 3 in (kinds if isinstance(kinds, tuple) else (kinds,)):
        msg = f"{path}: has float samples; only 8- and 16-bit pictures are read, convert it first."
        raise SourceError(msg)


def _tiff_tags(stream: BinaryIO) -> ImageFileDirectory_v2:
    """The tags of a TIFF's first page; an error where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damaged tags
        tags = ImageFileDirectory_v2(stream.read(8))
        stream.seek(tags.next)
        tags.load(stream)
    return tags


def _png_exif(path: Path) -> PillowImage.Exif:
    """The EXIF data of a PNG, found by its chunks' headers: Pillow decodes the whole picture to look behind it."""
    exif = PillowImage.Exif()
    with path.open("rb") as stream:
        stream.seek(8)
        while len(head := stream.read(8)) == 8:
            length, kind = int.from_bytes(head[:4], "big"), head[4:]
            if kind == b"eXIf" and length <= _MAX_EXIF_BYTES:
                exif.load(b"Exif\x00\x00" + stream.read(length))
                break
            stream.seek(length + 4, os.SEEK_CUR)
    return exif


def image_bytes(path: Path) -> int:
    """Raw bytes of a picture as :func:`read_image` returns it (three channels, 8 or 16 bits), from its header alone.

    Raises:
        SourceError: If the file is missing, no picture, or larger than ``MAX_PIXELS``.
    """
    height, width = image_size(path)
    return height * width * 3 * (2 if _is_deep(path) else 1)


def count_pages(path: Path) -> int:
    """Pictures in a TIFF file, small previews apart; 1 for every other file, and for one that cannot be read."""
    if path.suffix.lower() not in (".tif", ".tiff"):
        return 1
    try:
        with open_header(path) as picture:
            pages = 0
            for page in range(getattr(picture, "n_frames", 1)):
                picture.seek(page)
                pages += not getattr(picture, "tag_v2", {}).get(_SUBFILE_TYPE, 0) & 1
            return max(pages, 1)
    except NO_PICTURE:
        return 1


def count_channels(path: Path) -> int:
    """Channels of a picture as its file means them, from its header alone: 1 grey, 3 colour (a palette too), one more with transparency.

    Raises:
        SourceError: If the file is missing or no picture.
    """
    image_size(path)
    with open_header(path) as picture:
        bands = picture.getbands()
        grey = len(bands) < 3 and bands[0] != "P"
        return (1 if grey else 3) + picture.has_transparency_data


def _is_deep(path: Path) -> bool:
    """Whether a picture has 16-bit samples. Pillow reads 16-bit RGB PNG as 8 bits and says nothing, so the header is read here."""
    with path.open("rb") as stream:
        head = stream.read(25)
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return head[24] == 16
    with open_header(path) as picture:
        bits = getattr(picture, "tag_v2", {}).get(258, (8,))  # TIFF BitsPerSample
        return max(bits if isinstance(bits, tuple) else (bits,)) > 8 or picture.mode.startswith("I;16")


def read_image(path: Path) -> Image:
    """A picture as (H, W, 3) RGB, uint8 or (16-bit PNG and TIFF) uint16; grey becomes RGB, alpha is dropped.

    EXIF orientation is honoured. Raises SourceError if the file is missing, broken, truncated or enormous.
    """
    image_size(path)
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror})."
        raise SourceError(msg) from error
    try:
        return decode_image(data, str(path))
    except SourceError:
        _refuse_float(path)
        raise


def decode_image(data: NDArray[np.uint8], where: str) -> Image:
    """The picture in the bytes of a PNG, JPEG, TIFF, BMP or WebP file, as :func:`read_image` gives it; ``where`` names it in errors.

    Raises:
        SourceError: If the bytes are no picture, damaged, cut off, or of another depth than 8 or 16 bits.
    """
    try:
        picture = cv2.imdecode(data, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR) if _whole(data) else None
    except cv2.error as error:
        msg = f"{where}: cannot be decoded ({error.err or error})."
        raise SourceError(msg) from error
    if picture is None:
        msg = f"{where}: is damaged or cut off; fetch or export it again."
        raise SourceError(msg)
    if picture.dtype not in (np.uint8, np.uint16):
        msg = f"{where}: has {picture.dtype} samples; only 8- and 16-bit pictures are read, convert it first."
        raise SourceError(msg)
    for top in range(0, len(picture), _ROWS):  # to RGB in place: a second picture of this size may not fit
        picture[top : top + _ROWS] = cv2.cvtColor(picture[top : top + _ROWS], cv2.COLOR_BGR2RGB)
    return np.asarray(picture)


def _whole(data: NDArray[np.uint8]) -> bool:
    """False for an empty file, and where damage is sure to show: a PNG, a JPEG's end, a TIFF packed by zlib.

    OpenCV fills what is cut off with grey, decodes damaged parts to noise, and libpng writes to stderr.
    """
    head, tail = data[:8].tobytes(), data[-4096:].tobytes()
    if head.startswith(b"\x89PNG"):
        return _png_whole(data.data)
    if head.startswith(b"\xff\xd8"):
        return b"\xff\xd9" in tail
    if head.startswith((b"II*\0", b"MM\0*")):
        return _tiff_whole(data.data)
    return data.size > 0


def _png_whole(data: memoryview) -> bool:
    """Whether all chunks up to the last are there and, but for the optional ones, have the CRC they state."""
    place = 8
    while place + 12 <= len(data):
        length, kind = int.from_bytes(data[place : place + 4], "big"), bytes(data[place + 4 : place + 8])
        end = place + 12 + length
        if end > len(data) or (kind[:1].isupper() and zlib.crc32(data[place + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big")):
            return False
        if kind == b"IEND":
            return True
        place = end
    return False


def _tiff_whole(data: memoryview) -> bool:
    """Whether each part of a TIFF's first page that is packed by zlib has the checksum it ends with; other packings have none."""
    try:
        tags = _tiff_tags(io.BytesIO(data))
    except (*NO_PICTURE, struct.error):
        return True  # what it is the decoder tells
    if tags.get(_COMPRESSION) not in _ZLIB:
        return True
    starts, sizes = (tags.get(strips) or tags.get(tiles) or () for strips, tiles in _PARTS)
    return all(_unpacks(data[start : start + size]) for start, size in zip(starts, sizes, strict=False) if size)


def _unpacks(part: bytes | memoryview) -> bool:
    """Whether zlib reaches the end of its data, by and by: a small file can claim to be enormous."""
    unpacker = zlib.decompressobj()
    try:
        while part and not unpacker.eof:
            unpacker.decompress(part, 1 << 20)
            part = unpacker.unconsumed_tail
    except zlib.error:
        return False
    return unpacker.eof


def encode_png(image: Image, *, level: int = 1) -> bytes:
    """PNG bytes of an (H, W, 3) RGB, (H, W, 4) RGBA or (H, W) grey picture, uint8 or uint16; ``level`` is zlib's, 1 fast to 9 small."""
    picture = image[..., [2, 1, 0, 3][: image.shape[2]]] if image.ndim == 3 else image
    _, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, level])
    return bytes(data)


def write_png(path: Path, image: Image, *, icc_profile: bytes = b"") -> None:
    """Write a PNG, with the colour profile if there is one, so that the file is either whole or not there."""
    data = encode_png(image)
    if icc_profile:
        body = b"iCCPICC profile\0\0" + zlib.compress(icc_profile)  # name, method 0 and the profile; it goes right behind the header
        chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
        data = data[:_PNG_HEADER] + chunk + data[_PNG_HEADER:]
    write_atomic(path, data)


def icc_profile(path: Path) -> bytes:
    """The colour profile of a picture's file, empty where it has none for the grey or RGB samples that :func:`read_image` gives."""
    try:
        with open_header(path) as picture:
            profile = picture.info.get("icc_profile") or b""
            grey = picture.mode in ("1", "L", "LA", "I", "F") or picture.mode.startswith("I;")
    except NO_PICTURE:
        return b""
    return profile if profile[16:20] == (b"GRAY" if grey else b"RGB ") else b""


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file by way of a hidden temporary one and a rename; text is UTF-8.

    Raises:
        OutputError: If the folder is full or read-only; nothing is left behind.
    """
    with atomic_path(path) as aside:
        aside.write_bytes(data.encode() if isinstance(data, str) else data)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """An empty temporary file beside ``path``, renamed onto it when the block ends well and removed when it does not."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary(path) as (aside, _):
            yield aside
            sync(aside)
            aside.replace(path)
            sync(path.parent)
    except OSError as error:
        raise output_error(path, error) from error


def sync(path: Path) -> None:
    """Make a file's content, or the renames and removals in a folder, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> Path:
    """Create ``folder`` if need be and prove that it can be written; returns it.

    Raises:
        OutputError: If it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):  # has no name, so a kill leaves nothing behind
            pass
    except OSError as error:
        raise output_error(folder, error) from error
    return folder


def user_cache(name: str) -> Path | None:
    """The user's cache folder of this name (below ``$XDG_CACHE_HOME`` or ``~/.cache``), or None where it cannot be written."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "blurdata" / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def fingerprint_files(paths: Iterable[Path], *, root: Path) -> str:
    """Hex hash over relative names and contents of files, in the order given; the same on every machine.

    A file that is not there or may not be read counts by its name alone: whoever reads its pictures tells of it.
    """
    total = hashlib.blake2b(digest_size=16)
    for path in paths:
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        try:
            _check_regular(path)
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).digest()
        except OSError as error:
            if error.errno not in _NOT_THERE:
                msg = f"{path}: cannot be read ({error.strerror or error})."
                raise SourceError(msg) from error
            digest = b""
        total.update(name.encode(errors="surrogateescape") + b"\x00" + digest)
    return total.hexdigest()
