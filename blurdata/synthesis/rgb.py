"""How does a decoded frame become RGB? By the definition of its colour matrix, chroma interpolated, every sample rounded once.

FFmpeg's fast conversion repeats chroma samples, is a code too dark on the average and 30 off at coloured edges; its exact one takes
seven times as long as the loop here.
"""

from functools import cache
from typing import Any

import numpy as np
from av import VideoFormat
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from blurdata.pairs import Image
from blurdata.synthesis.kernels import CHROMA_UNIT, FIXED_BITS, spread_chroma, yuv8_to_rgb, yuv_to_rgb
from blurdata.synthesis.room import Room

# AVColorSpace of the frame -> name; 2 is "unspecified", which FFmpeg and its users take for BT.601, as they do the reserved 3
_MATRICES = {0: "rgb", 1: "bt709", 2: "bt601", 3: "bt601", 5: "bt601", 6: "bt601", 7: "smpte240m", 4: "fcc", 9: "bt2020"}
# weights of red and blue in luma
_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593), "smpte240m": (0.212, 0.087), "fcc": (0.3, 0.11)}
_LIMITED, _FULL = 1, 2
_PLANAR = {f"yuv{j}{name}p": shifts for j in ("", "j") for name, shifts in {"420": (1, 1), "422": (1, 0), "444": (0, 0)}.items()}
_LAYOUTS = {(True, True): "420", (True, False): "422", (False, False): "444", (False, True): "440"}  # chroma halved across, down
_CENTRED = ("mjpeg", "mpeg1video")  # codecs whose chroma samples lie between two columns; those of all others lie on the left one


class ToRgb:
    """Converts the frames of one film, as stored; turning them upright is the caller's.

    Args:
        matrix: ``auto`` believes the frame's tag; ``bt601``, ``bt709``, ``bt2020`` overrule it.
        codec: FFmpeg's name of the codec, which says where chroma samples lie.
    """

    def __init__(self, matrix: str, codec: str) -> None:
        self._matrix, self._centred = matrix, codec in _CENTRED
        self._reformatter, self._room = VideoReformatter(), Room()

    def __call__(self, frame: Any) -> Image:
        """(H, W, 3) uint8, or uint16 of a frame of more than 8 bits; full range."""
        if frame.format.name.startswith("gray") and frame.format.components[0].bits <= 16:
            return self._of_grey(frame)
        if frame.format.is_rgb or len(frame.format.components) < 3:
            picture = self._reformatter.reformat(frame, format="rgb48le" if is_deep(frame) else "rgb24", threads=1)
            return self._copied(picture)
        return self._deep(frame) if is_deep(frame) else self._of_8_bits(frame)

    def matrix_of(self, frame: Any) -> str:
        """The name of the colour matrix that a frame is converted with."""
        if frame.format.is_rgb:
            return "rgb"
        return self._matrix if self._matrix != "auto" else _MATRICES.get(int(frame.colorspace), "unknown")

    def _weights(self, frame: Any) -> tuple[float, float, float]:
        red, blue = _WEIGHTS.get(self.matrix_of(frame), _WEIGHTS["bt601"])
        return red, 1 - red - blue, blue

    def _copied(self, picture: Any) -> Image:
        plane = picture.planes[0]
        rows = np.frombuffer(plane, np.uint16 if is_deep(picture) else np.uint8).reshape(picture.height, -1)[:, : 3 * picture.width]
        out = self._room.empty(rows.shape, rows.dtype)
        out[...] = rows
        return out.reshape(picture.height, picture.width, 3)

    def _of_grey(self, frame: Any) -> Image:
        """FFmpeg's own conversion takes every grey frame for one of full range."""
        bits, deep = frame.format.components[0].bits, is_deep(frame)
        native: Any = frame if not frame.format.is_big_endian else self._reformatter.reformat(frame, format=frame.format.name[:-2] + "le")
        luma = np.frombuffer(native.planes[0], np.uint16 if deep else np.uint8).reshape(frame.height, -1)[:, : frame.width]
        full = range_of(frame) == "full"
        black, span = (0, (1 << bits) - 1) if full else (16 << (bits - 8), 219 << (bits - 8))
        top = 65535 if deep else 255
        codes = np.floor(np.clip((np.arange(1 << bits) - black) / span, 0, 1) * top + 0.5).astype(np.uint16 if deep else np.uint8)
        out = self._room.empty((frame.height, frame.width, 3), codes.dtype)
        out[...] = codes[luma][..., None]
        return out

    def _of_8_bits(self, frame: Any) -> Image:
        full = range_of(frame) == "full"
        if frame.format.name not in _PLANAR:
            planar = "yuv420p" if frame.format.name in ("nv12", "nv21") else "yuv444p"
            frame = self._reformatter.reformat(frame, format=planar, src_color_range=_LIMITED, dst_color_range=_LIMITED, threads=1)
        y, cb, cr = (np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size) for plane in frame.planes[:3])
        out = self._room.empty((frame.height, frame.width, 3), np.uint8)
        shifts, black = _PLANAR[frame.format.name], np.int32(0 if full else 16)
        factors = _fixed_factors(*self._weights(frame), full=full)
        yuv8_to_rgb(out.reshape(frame.height, -1), y, cb, cr, *shifts, self._centred, black, factors)
        return out

    def _deep(self, frame: Any) -> NDArray[np.uint16]:
        """FFmpeg's own conversion ends at 99.6 % of white, and takes most codecs' chroma for centred."""
        spread = int(frame.color_range) or _LIMITED
        bits = frame.format.components[0].bits
        across, down = frame.format.chroma_width(2) == 1, frame.format.chroma_height(2) == 1
        y, cb, cr = (plane << (16 - bits) for plane in self._planes(frame, f"yuv{_LAYOUTS[across, down]}p{bits}le", spread))
        if across or down:
            few, (cb, cr) = (cb, cr), (self._room.empty(y.shape, np.uint16) for _ in range(2))
            for whole, part in zip((cb, cr), few, strict=True):
                spread_chroma(whole, part, int(across), int(down), self._centred)
        if spread == _FULL:
            one = float(((1 << bits) - 1) << (16 - bits))
            scale, offset = np.array([1 / one, 1 / one]), np.array([0.0, 32768.0])
        else:
            scale, offset = np.array([1 / (219 * 256), 1 / (224 * 256)]), np.array([4096.0, 32768.0])
        red, green, blue = self._weights(frame)
        rows = np.array([2 * (1 - red), -2 * (1 - blue) * blue / green, -2 * (1 - red) * red / green, 2 * (1 - blue)])
        out = self._room.empty((frame.height, frame.width, 3), np.uint16)
        yuv_to_rgb(out, y, cb, cr, scale, offset, rows)
        return out

    def _planes(self, frame: Any, planar: str, spread: int) -> list[NDArray[np.uint16]]:
        """Luma and chroma as stored; what is packed, or of the other byte order, is laid out by FFmpeg in the format ``planar`` first."""
        stored: Any = frame
        if frame.format.name != planar:
            stored = self._reformatter.reformat(frame, format=planar, src_color_range=spread, dst_color_range=spread, threads=1)
        return [np.frombuffer(p, np.uint16).reshape(p.height, -1)[:, : p.width] for p in stored.planes]


@cache
def _fixed_factors(red: float, green: float, blue: float, *, full: bool) -> NDArray[np.int32]:
    """The factors of :func:`yuv8_to_rgb` for these weights in luma."""
    luma, chroma = (1.0, 1.0) if full else (255 / 219, 255 / 224)
    slopes = [2 * (1 - red), 2 * (1 - blue) * blue / green, 2 * (1 - red) * red / green, 2 * (1 - blue)]
    fixed = np.array([luma, *(chroma * slope / CHROMA_UNIT for slope in slopes)]) * (1 << FIXED_BITS)
    return np.rint(fixed).astype(np.int32)


def is_deep(frame: Any) -> bool:
    """Whether a frame has more than 8 bits a sample."""
    return _more_than_8_bits(frame.format.name)


@cache
def _more_than_8_bits(name: str) -> bool:
    return any(component.bits > 8 for component in VideoFormat(name).components)


def range_of(frame: Any) -> str:
    """``limited`` or ``full``; where the frame does not say, formats of full range are taken for it as FFmpeg does."""
    unsaid = _FULL if frame.format.is_rgb or frame.format.name.startswith(("yuvj", "gray")) else _LIMITED
    return "full" if (int(frame.color_range) or unsaid) == _FULL else "limited"
