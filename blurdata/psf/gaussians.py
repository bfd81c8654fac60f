"""What does a Gaussian spot become on pixels?"""

import math

import numpy as np

from blurdata.psf._checks import number, side
from blurdata.psf._raster import Float, Psf, finish

_REACH = 4.0  # in sigmas: 6e-5 of the light lies beyond, and SciPy truncates there too
_THIN_PX = 0.5  # a thinner ridge slips between the samples


def gaussian(sigma_px: float) -> Psf:
    """Sampled Gaussian ``exp(-(x² + y²) / 2σ²)``, cut at 4 σ like ``scipy.ndimage.gaussian_filter``.

    Args:
        sigma_px: Standard deviation in pixels, 0 or more; 0 is no blur.

    Returns:
        (K, K) float32, odd sides, sum 1, centred.

    Raises:
        ValueError: If sigma is not finite, negative, or enormous.

    Example:
        >>> gaussian(1.0).shape
        (9, 9)
    """
    sigma = number("sigma_px", sigma_px)
    line = _line(sigma, "sigma_px")
    return finish(line[:, None] * line)


def anisotropic_gaussian(sigma_x_px: float, sigma_y_px: float, angle_deg: float) -> Psf:
    """Gaussian with two widths, turned: ``exp(-½ pᵀ Σ⁻¹ p)`` with ``Σ = R diag(σx², σy²) Rᵀ``.

    Where the thinner width is under half a pixel and the axes are oblique, samples would miss the ridge; the light is then
    spread over the nearest pixels instead, as by :func:`blurdata.psf.from_path`.

    Args:
        sigma_x_px: Standard deviation along ``angle_deg``, in pixels, 0 or more.
        sigma_y_px: Standard deviation across it.
        angle_deg: Direction of the first axis, counter-clockwise from +x with y up.

    Returns:
        (K, L) float32, odd sides, sum 1, centred.

    Raises:
        ValueError: If an argument is not finite, negative, or enormous.

    Example:
        >>> anisotropic_gaussian(2.0, 0.0, 0.0).shape
        (1, 17)
    """
    along, across = number("sigma_x_px", sigma_x_px), number("sigma_y_px", sigma_y_px)
    angle = number("angle_deg", angle_deg, low=-np.inf) % 180
    if along == across or angle == 0:
        return finish(_line(across, "sigma_y_px")[:, None] * _line(along, "sigma_x_px"))
    if angle == 90:
        return finish(_line(along, "sigma_x_px")[:, None] * _line(across, "sigma_y_px"))
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    if min(along, across) < _THIN_PX:
        return _spread(along, across, c, s)
    half_x = side("sigma_x_px", _REACH * math.hypot(along * c, across * s))
    half_y = side("sigma_y_px", _REACH * math.hypot(along * s, across * c))
    y, x = np.mgrid[half_y : -half_y - 1 : -1, -half_x : half_x + 1].astype(np.float64)
    squared = ((c * x + s * y) / along) ** 2 + ((c * y - s * x) / across) ** 2
    return finish(np.where(squared <= _REACH**2, np.exp(-squared / 2), 0))


def _line(sigma: float, name: str) -> Float:
    half = 0 if sigma == 0 else side(name, int(_REACH * sigma + 0.5))
    x = np.arange(-half, half + 1)
    return np.exp(-0.5 * (x / sigma) ** 2) if half else np.ones(1)


def _spread(along: float, across: float, c: float, s: float) -> Psf:
    """Fine samples of the two axes, each shared between its four nearest pixels."""
    half = side("sigma_x_px", _REACH * max(along, across)) + 1
    u, v = (_fine(sigma) for sigma in (along, across))
    x = half + (c * u[:, None] - s * v).ravel()
    y = half - (s * u[:, None] + c * v).ravel()
    light = (np.exp(-0.5 * (u / max(along, 1e-12)) ** 2)[:, None] * np.exp(-0.5 * (v / max(across, 1e-12)) ** 2)).ravel()
    column, row = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    fx, fy, width = x - column, y - row, 2 * half + 2
    grid = np.zeros(width * width)
    for dy, wy in ((0, 1 - fy), (1, fy)):
        for dx, wx in ((0, 1 - fx), (1, fx)):
            grid += np.bincount((row + dy) * width + column + dx, light * wy * wx, minlength=width * width)
    return finish(grid.reshape(width, width)[:-1, :-1])


def _fine(sigma: float) -> Float:
    """Positions from -4 to 4 sigma, about an eighth of a pixel apart, symmetric about 0."""
    count = math.ceil(_REACH * sigma * 8)
    return np.linspace(-_REACH * sigma, _REACH * sigma, 2 * count + 1) if count else np.zeros(1)
