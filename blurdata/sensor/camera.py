"""The whole camera: settings, what one shot draws, and the photograph.

Order and constants follow RSBlur (Rim et al., ECCV 2022); what differs on purpose: everything stays float64 until one rounding
(the published averages were stored as 8-bit codes before noise was added), and camera light is clamped to [0, 1] before the
Poisson draw.
"""

from typing import Annotated, Any, Literal, NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from blurdata.color import Curve, curve
from blurdata.recipe import FileName, Recipe, as_range
from blurdata.sensor.bayer import BAYER_PATTERNS, demosaic, mosaic
from blurdata.sensor.color_matrices import WHITE_BALANCE_BLUE, WHITE_BALANCE_RED, apply_matrix, camera_matrix
from blurdata.sensor.noise import NOISE_SCALE, NoiseLevel, draw_noise_level, poisson_gaussian
from blurdata.sensor.saturation import SATURATION_ALPHA, saturate

Float = NDArray[np.float64]
Codes = NDArray[np.uint8] | NDArray[np.uint16]


Span = Annotated[tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]], BeforeValidator(as_range)]


class Sensor(Recipe):
    """Settings of the camera; the defaults are those of RSBlur. A single number is fixed, two are a range that is drawn from.

    Args:
        saturation: Range of alpha in ``clip(B + alpha * M)``; None leaves highlights as they are.
        noise: ``"rsblur"``, ``"realblur"``, ``"bsd"``, or None.
        noise_scale: Range of the factor on each constant of the noise.
        mosaic: Whether noise is added on a Bayer mosaic (a pattern is drawn) that is then demosaiced, as a camera does.
        camera: Whose colours the sensor sees, or None for linear sRGB.
        white_balance_red: Range of the gain of red.
        white_balance_blue: Range of the gain of blue.
        response: Curve that encodes both pictures (``"sony_a7r3"``, ``"srgb"``, a table's path); None: that of the source.
        jpeg_quality: Range of the JPEG quality of the blurry picture, 1 to 100; None leaves it uncompressed.
        rim_px: Width of the rim that is cut off both pictures, because demosaicing is poor there.

    Example:
        >>> Sensor(noise="realblur", response="sony_a7r3").noise
        'realblur'
    """

    saturation: Span | None = SATURATION_ALPHA
    noise: Literal["rsblur", "realblur", "bsd"] | None = "rsblur"
    noise_scale: Span = NOISE_SCALE
    mosaic: bool = True
    camera: Literal["sony_a7r3"] | None = "sony_a7r3"
    white_balance_red: Span = WHITE_BALANCE_RED
    white_balance_blue: Span = WHITE_BALANCE_BLUE
    response: FileName | None = None
    jpeg_quality: Annotated[tuple[int, int], BeforeValidator(as_range)] | None = None
    rim_px: Annotated[int, Field(ge=0, le=64)] = 4

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("saturation", "noise_scale", "white_balance_red", "white_balance_blue", "jpeg_quality"):
            span = getattr(self, name)
            if span is not None and span[0] > span[1]:
                msg = f"{name} must be a range from low to high"
                raise ValueError(msg)
        if min(self.white_balance_red[0], self.white_balance_blue[0]) < 0.1:
            msg = "gains of the white balance must be at least 0.1"
            raise ValueError(msg)
        if self.jpeg_quality and not (self.jpeg_quality[0] >= 1 and self.jpeg_quality[1] <= 100):
            msg = "jpeg_quality must lie in 1 to 100"
            raise ValueError(msg)
        if self.response is not None:
            curve(self.response)
        return self


class Shot(NamedTuple):
    """What one photograph drew; None where the step is off."""

    alpha: float | None
    noise: NoiseLevel | None
    pattern: str | None
    white_balance: tuple[float, float, float]
    jpeg_quality: int | None


class Photograph(NamedTuple):
    """A blurry and a sharp picture of one dtype, and ``meta``: what was drawn, flat and JSON-able."""

    blurry: Codes
    sharp: Codes
    meta: dict[str, Any]


def draw_shot(sensor: Sensor, rng: np.random.Generator) -> Shot:
    """Draw the parameters of one photograph; the number of draws is fixed, so one switch does not move another's value.

    Example:
        >>> draw_shot(Sensor(noise=None), np.random.default_rng(0)).noise is None
        True
    """
    alpha = float(rng.uniform(*(sensor.saturation or (0, 0))))
    level = draw_noise_level(sensor.noise or "rsblur", rng, scale=sensor.noise_scale)
    pattern = BAYER_PATTERNS[int(rng.integers(4))]
    red, blue = float(rng.uniform(*sensor.white_balance_red)), float(rng.uniform(*sensor.white_balance_blue))
    low, high = sensor.jpeg_quality or (0, 0)
    quality = int(rng.integers(low, high + 1))
    return Shot(
        alpha if sensor.saturation else None,
        level if sensor.noise else None,
        pattern if sensor.mosaic else None,
        (red, 1.0, blue),
        quality if sensor.jpeg_quality else None,
    )


def photograph(
    blurry_linear: NDArray[np.floating],
    sharp_linear: NDArray[np.floating],
    *,
    sensor: Sensor,
    rng: np.random.Generator,
    mask: NDArray[np.floating] | None = None,
    source_curve: str | Curve = "srgb",
    bits: int = 8,
) -> Photograph:
    """The pair that a camera would have stored of linear light.

    Args:
        blurry_linear: (H, W, 3) linear light of the blurry picture, 1 is white.
        sharp_linear: (H, W, 3) of the sharp one, which gets the response and the crop, but no noise.
        sensor: Settings.
        rng: Source of every draw; the same state gives the same bytes.
        mask: (H, W, 3), the blur of the places where the source is clipped, [0, 1]; needed where ``sensor.saturation`` is set.
        source_curve: Curve that encodes both where ``sensor.response`` is None.
        bits: 8 or 16.

    Returns:
        Both pictures as uint8 or uint16, smaller by ``sensor.rim_px`` on each side, and what was drawn: ``response``, ``rim_px``,
        ``saturation_alpha``, ``noise``, ``noise_shot``, ``noise_read``, ``white_balance``, ``bayer``, ``camera``, ``jpeg_quality``.

    Raises:
        ValueError: If shapes differ or are too small, a mask is missing, ``bits`` is not 8 or 16, or is 16 where JPEG is asked for.

    Example:
        >>> light = np.full((32, 40, 3), 0.5)
        >>> picture = photograph(light, light, sensor=Sensor(saturation=None), rng=np.random.default_rng(0))
        >>> picture.blurry.shape, int(picture.sharp[0, 0, 0])
        ((24, 32, 3), 188)
    """
    _check(blurry_linear, sharp_linear, mask, sensor, bits)
    shot = draw_shot(sensor, rng)
    response = curve(sensor.response or source_curve)
    clean = np.clip(np.asarray(blurry_linear, np.float64), 0.0, 1.0)
    if shot.alpha is not None and mask is not None:
        clean = saturate(clean, mask, shot.alpha)
    noisy = clean if shot.noise is None else _expose(clean, shot, shot.noise, camera_matrix(sensor.camera), rng)
    rim = np.s_[sensor.rim_px : clean.shape[0] - sensor.rim_px, sensor.rim_px : clean.shape[1] - sensor.rim_px]
    blurry, sharp = (_store(light[rim], response, bits) for light in (noisy, np.clip(sharp_linear, 0.0, 1.0)))
    if shot.jpeg_quality is not None:
        blurry = _compress(blurry, shot.jpeg_quality)
    return Photograph(blurry, sharp, _meta(sensor, shot, response))


def _expose(clean: Float, shot: Shot, level: NoiseLevel, to_camera: Float, rng: np.random.Generator) -> Float:
    """Noise as the sensor adds it, in the camera's own colours and brightness; saturated samples stay clean."""
    gains = np.asarray(shot.white_balance)
    camera = np.clip(apply_matrix(to_camera, clean), 0.0, 1.0) / gains
    if shot.pattern is None:
        balanced = poisson_gaussian(camera, level, rng) * gains
    else:
        raw = poisson_gaussian(mosaic(camera, shot.pattern), level, rng)
        gain_of_site = mosaic(np.broadcast_to(gains, clean.shape), shot.pattern)
        balanced = demosaic(raw * gain_of_site, shot.pattern)
    noisy = np.clip(apply_matrix(np.linalg.inv(to_camera), np.clip(balanced, 0.0, 1.0)), 0.0, 1.0)
    return np.where(clean >= 1.0, clean, noisy)


def _store(light: Float, response: Curve, bits: int) -> Codes:
    top = (1 << bits) - 1
    codes = np.floor(np.clip(response.encode(light), 0.0, 1.0) * top + 0.5)
    return np.ascontiguousarray(codes.astype(np.uint8 if bits == 8 else np.uint16))


def _compress(picture: Codes, quality: int) -> Codes:
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])


def _meta(sensor: Sensor, shot: Shot, response: Curve) -> dict[str, Any]:
    meta: dict[str, Any] = {"response": response.name, "rim_px": sensor.rim_px}
    if shot.alpha is not None:
        meta["saturation_alpha"] = shot.alpha
    if shot.noise is not None:
        meta |= {"noise": sensor.noise, "noise_shot": shot.noise.shot, "noise_read": shot.noise.read}
        meta |= {"white_balance": list(shot.white_balance), "bayer": shot.pattern, "camera": sensor.camera}
    if shot.jpeg_quality is not None:
        meta["jpeg_quality"] = shot.jpeg_quality
    return meta


def _check(blurry: NDArray[np.floating], sharp: NDArray[np.floating], mask: NDArray[np.floating] | None, sensor: Sensor, bits: int) -> None:
    if bits not in (8, 16):
        msg = f"bits must be 8 or 16, got {bits}."
        raise ValueError(msg)
    if bits == 16 and sensor.jpeg_quality:
        msg = "JPEG stores 8 bits; leave jpeg_quality out for 16-bit pictures."
        raise ValueError(msg)
    least = 2 * sensor.rim_px + 3
    if blurry.ndim != 3 or blurry.shape[2] != 3 or min(blurry.shape[:2]) < least:
        msg = f"blurry_linear must be (H, W, 3) with at least {least} x {least} pixels, got shape {blurry.shape}."
        raise ValueError(msg)
    if sharp.shape != blurry.shape or (mask is not None and mask.shape != blurry.shape):
        shapes = ", ".join(str(None if light is None else light.shape) for light in (blurry, sharp, mask))
        msg = f"blurry_linear, sharp_linear and mask must have one shape, got {shapes}."
        raise ValueError(msg)
    if sensor.saturation and mask is None:
        msg = "sensor.saturation is set, so photograph needs the blurred mask of clipped places; give mask= or set saturation to None."
        raise ValueError(msg)
