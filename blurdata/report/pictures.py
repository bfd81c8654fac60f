"""Pictures of pairs for the page, as JPEG data URIs."""

import base64

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.pairs import Image, eight_bits

Box = tuple[slice, slice]


def data_uri(image: Image, *, quality: int = 86) -> str:
    """A JPEG of an (H, W, 3) RGB picture that stands in the page itself."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(eight_bits(image)[..., ::-1]), settings)
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def fit(image: Image, width: int, height: int) -> Image:
    """The picture reduced to fit ``width`` x ``height``; never enlarged."""
    scale = min(width / image.shape[1], height / image.shape[0], 1.0)
    if scale == 1.0:
        return image
    size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
    small: Image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return small


def detail_box(sharp: Image, side: int) -> Box:
    """Where a ``side`` x ``side`` window holds the most fine detail: the part of a pair worth a look at full size."""
    height, width = sharp.shape[:2]
    h, w = min(side, height), min(side, width)
    green = sharp[..., 1].astype(np.float32)
    energy = np.minimum(np.abs(cv2.Laplacian(green, cv2.CV_32F)), 64 * np.iinfo(sharp.dtype).max / 255)
    total = cv2.integral(energy)
    ys, xs = _steps(height - h), _steps(width - w)
    score = [[total[y + h, x + w] - total[y, x + w] - total[y + h, x] + total[y, x] for x in xs] for y in ys]
    row, column = np.unravel_index(int(np.argmax(score)), (len(ys), len(xs)))
    return slice(ys[row], ys[row] + h), slice(xs[column], xs[column] + w)


def _steps(room: int) -> NDArray[np.int_]:
    return np.unique(np.linspace(0, room, 12).astype(int))
