"""What does the camera add to the light: clipping, noise, the colour filter array, its response, compression.

The steps are pure functions on linear light; :func:`photograph` composes them in the order of RSBlur (Rim et al., ECCV 2022):

1. ``clip(B + alpha * M)``: highlights that the sharp frames had clipped come back (:mod:`~blurdata.sensor.saturation`)
2. linear sRGB to the camera's own colours, one colour a pixel, white balance undone (:mod:`~blurdata.sensor.color_matrices`, ``bayer``)
3. Poisson-Gaussian noise on the mosaic (:mod:`~blurdata.sensor.noise`)
4. white balance, Malvar demosaic, colours back; saturated pixels stay clean
5. the target response on both pictures, JPEG on the blurry one, rim cropped, one rounding (:mod:`~blurdata.sensor.camera`)
"""

from blurdata.sensor.bayer import BAYER_PATTERNS, demosaic, mosaic
from blurdata.sensor.camera import Photograph, Sensor, Shot, draw_shot, photograph
from blurdata.sensor.color_matrices import LINEAR_SRGB_TO_XYZ, XYZ_TO_CAMERA, apply_matrix, camera_matrix
from blurdata.sensor.noise import NOISE_LEVELS, NOISE_SCALE, NoiseLevel, draw_noise_level, poisson_gaussian
from blurdata.sensor.saturation import SATURATION_ALPHA, saturate, saturation_mask

__all__ = [
    "BAYER_PATTERNS",
    "LINEAR_SRGB_TO_XYZ",
    "NOISE_LEVELS",
    "NOISE_SCALE",
    "SATURATION_ALPHA",
    "XYZ_TO_CAMERA",
    "NoiseLevel",
    "Photograph",
    "Sensor",
    "Shot",
    "apply_matrix",
    "camera_matrix",
    "demosaic",
    "draw_noise_level",
    "draw_shot",
    "mosaic",
    "photograph",
    "poisson_gaussian",
    "saturate",
    "saturation_mask",
]
