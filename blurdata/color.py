"""How do code values relate to light?

A :class:`Curve` takes code values in [0, 1] to linear light (``decode``) and back (``encode``). Light adds up in linear light,
so blending and convolution happen there.

| name | decode, code ``v`` to light | source |
|---|---|---|
| ``gamma22`` | ``v ** 2.2`` | the CRF of GoPro (Nah et al., CVPR 2017) |
| ``srgb`` | ``v / 12.92`` below 0.04045, else ``((v + 0.055) / 1.055) ** 2.4`` | IEC 61966-2-1 |
| ``linear`` | ``v`` | plain averaging of code values |
| a path | table of light per code, equally spaced codes, one column or three (R, G, B) | measured, see ``blurdata calibrate-response`` |
| ``sony_a7r3`` | none: forward only | polynomial of RSBlur (Rim et al., ECCV 2022) |
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from blurdata.errors import SourceError
from blurdata.paths import too_long, user_path

Float = NDArray[np.float64]
Real = TypeVar("Real", bound=np.floating)

# Rim et al., ECCV 2022: response of the Sony a7R3, coefficients a_0 to a_7. Not monotonic, so it has no inverse.
_SONY_A7R3 = (-0.0095228, 8.69851598, -45.15782052, 150.71180862, -308.19782922, 368.30811688, -235.16339846, 61.8322241)
_MAX_TABLE_BYTES = 1 << 23  # 65,536 rows of three numbers of 40 characters
_NAMES = ("gamma22", "srgb", "linear", "sony_a7r3")
_CURVES = ("curve", "response")  # fields of recipes that name one


@dataclass(frozen=True)
class Curve:
    """A response curve: code values in [0, 1] to linear light and back, in float64.

    Values above 1 (HDR) continue the formula; negative ones mirror it (``f(-x) = -f(x)``), so that filters with negative
    lobes survive. A table continues with the slope of its last step.

    Args:
        name: ``"gamma22"``, ``"srgb"``, ``"linear"``, ``"sony_a7r3"``, or the path of a table.
        table: For a measured curve: light of equally spaced codes, shape (1, N) or (3, N), not negative, strictly increasing.
    """

    name: str
    table: tuple[tuple[float, ...], ...] | None = None

    @property
    def invertible(self) -> bool:
        """Whether code values can be taken back to light."""
        return self.name != "sony_a7r3"

    @property
    def channels(self) -> int:
        """1, or 3 for a measured curve with its own table for R, G and B."""
        return len(self.table) if self.table else 1

    def decode(self, code: NDArray[np.floating]) -> Float:
        """Linear light of code values.

        Args:
            code: Float array of any shape, [0, 1]; the last axis holds R, G, B where the curve has three channels.

        Raises:
            ValueError: If the curve is forward-only.

        Example:
            >>> curve("gamma22").decode(np.array([0.5])).round(6)
            array([0.217638])
        """
        v = np.asarray(code, np.float64)
        if self.table:
            return self._by_table(v, decode=True)
        if self.name == "gamma22":
            return np.asarray(np.sign(v) * np.abs(v) ** 2.2)
        if self.name == "srgb":
            a = np.abs(v)
            return np.asarray(np.sign(v) * np.where(a < 0.04045, a / 12.92, ((a + 0.055) / 1.055) ** 2.4))
        if self.name == "linear":
            return v
        msg = f"The curve '{self.name}' is forward-only (not monotonic), codes cannot be decoded; use 'srgb' or a measured table."
        raise ValueError(msg)

    def encode(self, light: NDArray[np.floating]) -> Float:
        """Code values of linear light, the inverse of :meth:`decode`; not clipped, except ``sony_a7r3`` to [0, 1].

        Example:
            >>> curve("srgb").encode(np.array([0.0, 0.5, 1.0])).round(4)
            array([0.    , 0.7354, 1.    ])
        """
        x = np.asarray(light, np.float64)
        if self.table:
            return self._by_table(x, decode=False)
        if self.name == "gamma22":
            return np.asarray(np.sign(x) * np.abs(x) ** (1 / 2.2))
        if self.name == "srgb":
            a = np.abs(x)
            return np.asarray(np.sign(x) * np.where(a < 0.0031308, a * 12.92, 1.055 * a ** (1 / 2.4) - 0.055))
        if self.name == "linear":
            return x
        return np.asarray(np.clip(np.polynomial.polynomial.polyval(np.clip(x, 0, 1), _SONY_A7R3), 0, 1))

    def light_of_codes(self, bits: int) -> Float:
        """Linear light of every code of a ``bits``-deep picture: (channels, 2 ** bits) float64."""
        codes = np.arange(1 << bits) / ((1 << bits) - 1)
        if self.channels == 1:
            return self.decode(codes)[None]
        return self.decode(np.repeat(codes[:, None], self.channels, axis=1)).T

    def light_of(self, picture: NDArray[np.unsignedinteger]) -> Float:
        """Linear light of a picture of whole codes, by a table: what :meth:`decode` says of them, in a tenth of the time.

        Args:
            picture: uint8 or uint16 of any shape; the last axis holds R, G, B where the curve has three channels.

        Example:
            >>> curve("gamma22").light_of(np.array([0, 128, 255], np.uint8)).round(6)
            array([0.     , 0.21952, 1.     ])
        """
        return look_up(self.light_of_codes(8 * picture.itemsize), picture)

    def _by_table(self, values: Float, *, decode: bool) -> Float:
        table = np.asarray(self.table)
        codes = np.linspace(0, 1, table.shape[1])
        if len(table) == 1:
            return _interpolate(values, codes, table[0], decode=decode)
        if values.shape[-1:] != (len(table),):
            msg = f"The curve {self.name} has {len(table)} channels; the last axis must hold them, got shape {values.shape}."
            raise ValueError(msg)
        return np.stack([_interpolate(values[..., c], codes, table[c], decode=decode) for c in range(len(table))], axis=-1)


def _interpolate(values: Float, codes: Float, light: Float, *, decode: bool) -> Float:
    x, y = (codes, light) if decode else (light, codes)
    inside = np.interp(values, x, y)
    low, high = (y[1] - y[0]) / (x[1] - x[0]), (y[-1] - y[-2]) / (x[-1] - x[-2])
    return np.where(values > x[-1], y[-1] + (values - x[-1]) * high, np.where(values < x[0], y[0] + (values - x[0]) * low, inside))


def look_up(tables: NDArray[Real], picture: NDArray[np.unsignedinteger]) -> NDArray[Real]:
    """What a picture's codes stand for: (1, codes) is one table for all samples, (3, codes) one for each channel of the last axis.

    Example:
        >>> look_up(np.array([[0.0, 0.5, 1.0]]), np.array([2, 0], np.uint8))
        array([1., 0.])
    """
    if len(tables) == 1:
        return np.asarray(tables[0][picture])
    return np.stack([table[picture[..., c]] for c, table in enumerate(tables)], axis=-1)


def curve(name: str | Path | Curve) -> Curve:
    """The curve of a name or of a table's path; a :class:`Curve` comes back as it is.

    Args:
        name: ``"gamma22"``, ``"srgb"``, ``"linear"``, ``"sony_a7r3"``, or the path of a text file with one row per code from
            0 to the largest and one column (all channels) or three (R, G, B) of linear light, commas or blanks between.

    Raises:
        TypeError: If it is none of these.
        ValueError: If there is no such curve.
        SourceError: If the file is no strictly increasing table, or its light is negative.

    Example:
        >>> curve("srgb").name
        'srgb'
    """
    if isinstance(name, Curve):
        return name
    given: object = name
    if not isinstance(given, (str, Path)):
        msg = f"curve must be a name, a path or a Curve, got {given!r}."
        raise TypeError(msg)
    if str(name) in _NAMES:
        return Curve(str(name))
    path = user_path(name)
    if not str(name) or too_long(path) or not path.exists():
        msg = f"There is no curve '{name}'; use {', '.join(_NAMES)} or the path of a table."
        raise ValueError(msg)
    return _read_table(str(path), path.stat().st_mtime_ns)


def decodable_curve(name: str | Path | Curve) -> Curve:
    """The curve of a name, which must give light from codes.

    Raises:
        ValueError: If there is no such curve, or it is forward-only.
        SourceError: If the file is no strictly increasing table, or its light is negative.

    Example:
        >>> decodable_curve("sony_a7r3")
        Traceback (most recent call last):
        ValueError: 'sony_a7r3' is forward-only, light cannot be had from codes; use srgb, gamma22, linear or a measured table.
    """
    found = curve(name)
    if not found.invertible:
        msg = f"'{found.name}' is forward-only, light cannot be had from codes; use srgb, gamma22, linear or a measured table."
        raise ValueError(msg)
    return found


def with_tables(resolved: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved recipe in which what the tables of curves hold stands in the place of where they lie: that is what counts.

    Example:
        >>> with_tables({"curve": "srgb", "sensor": {"response": None}})
        {'curve': 'srgb', 'sensor': {'response': None}}
    """
    told = dict(resolved)
    for field, value in resolved.items():
        if isinstance(value, Mapping):
            told[field] = with_tables(value)
        elif field in _CURVES and value is not None and value not in _NAMES:
            told[field] = f"table {hashlib.blake2b(json.dumps(curve(value).table).encode(), digest_size=8).hexdigest()}"
    return told


@lru_cache(maxsize=16)
def _read_table(path: str, written_ns: int) -> Curve:
    """The table in a file as it was last written."""
    if not Path(path).is_file():
        msg = f"{path}: is no regular file; a curve's table is a text file."
        raise SourceError(msg)
    if Path(path).stat().st_size > _MAX_TABLE_BYTES:
        msg = f"{path}: is over {_MAX_TABLE_BYTES} bytes; a curve's table has one short row a code, 65,536 at most."
        raise SourceError(msg)
    try:
        text = Path(path).read_text(encoding="utf-8")
        rows = [
            [float(cell) for cell in line.replace(",", " ").split()]
            for line in text.splitlines()
            if line.strip() and line.strip()[0] != "#"
        ]
        table = np.array(rows, np.float64).T
    except (OSError, ValueError) as error:
        msg = f"{path}: is no table of a curve ({error}); write one row of linear light per code, one column or three."
        raise SourceError(msg) from error
    if (
        table.ndim != 2
        or table.shape[0] not in (1, 3)
        or table.shape[1] < 2
        or not np.isfinite(table).all()
        or (np.diff(table, axis=1) <= 0).any()
    ):
        msg = f"{path}: a curve needs one or three columns of at least two strictly increasing finite numbers, got shape {table.T.shape}."
        raise SourceError(msg)
    if (table[:, 0] < 0).any():
        msg = f"{path}: a curve's light is not negative, got {table[:, 0].min():g} for code 0; raise its dark end to 0 or above."
        raise SourceError(msg)
    table = table / table[:, -1:]  # full code is light 1: the scale of a measured curve is arbitrary
    return Curve(path, tuple(tuple(float(x) for x in row) for row in table))
