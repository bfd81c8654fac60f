"""An exposure bracket on disk: pictures, and their exposure times from EXIF."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blurdata.errors import SourceError
from blurdata.files import NO_PICTURE, list_images, open_header, read_image

_EXIF_IFD, _EXPOSURE_TIME, _F_NUMBER, _ISO = 0x8769, 0x829A, 0x829D, 0x8827


def bracket_files(paths: Sequence[Path]) -> list[Path]:
    """The pictures named, and those of folders that are named."""
    return [file for path in paths for file in (list_images(path) if path.is_dir() else [path])]


def read_bracket(files: Sequence[Path]) -> list[NDArray[np.uint8]]:
    """The pictures, 8 bit.

    Raises:
        SourceError: If one cannot be read or is deeper.
    """
    pictures: list[NDArray[np.uint8]] = []
    for file in files:
        picture = read_image(file)
        if picture.dtype != np.uint8:
            msg = f"{file}: has 16 bits a sample; a response is measured on the camera's 8-bit pictures."
            raise SourceError(msg)
        pictures.append(picture.astype(np.uint8, copy=False))
        if picture.shape != pictures[0].shape:
            msg = f"{file}: is {picture.shape[1]}x{picture.shape[0]}, {files[0].name} is {pictures[0].shape[1]}x{pictures[0].shape[0]}."
            raise SourceError(msg)
    return pictures


def exif_exposures(files: Sequence[Path]) -> list[float]:
    """Exposure times in seconds from EXIF.

    Raises:
        SourceError: If one is missing, or aperture or ISO change, so that times do not say how much light there was.
    """
    tags = [_exif(file) for file in files]
    for name, tag in (("aperture", _F_NUMBER), ("ISO", _ISO)):
        values = {str(each.get(tag)) for each in tags}
        if len(values) > 1:
            found = ", ".join(sorted(values))
            msg = f"{files[0].parent}: the {name} changes within the bracket ({found}); keep it fixed or give --exposures."
            raise SourceError(msg)
    times = []
    for file, each in zip(files, tags, strict=True):
        try:
            times.append(float(str(each[_EXPOSURE_TIME])))
        except (KeyError, ValueError, ZeroDivisionError):
            msg = f"{file}: has no exposure time in its EXIF; give --exposures 1/250,1/125,… in the order of the pictures."
            raise SourceError(msg) from None
    return times


def _exif(file: Path) -> dict[int, object]:
    try:
        with open_header(file) as picture:
            exif = picture.getexif()
            return {**exif, **exif.get_ifd(_EXIF_IFD)}
    except NO_PICTURE as error:
        msg = f"{file}: is not a picture that can be read ({error})."
        raise SourceError(msg) from error
