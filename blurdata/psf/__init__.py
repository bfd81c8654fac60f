"""What does a point of light become on the sensor?

Every function returns a PSF: a (K, L) float32 array with odd sides, trimmed to what is needed, sum 1, and its centroid at the
centre, so that blurring neither shifts nor brightens a picture. Angles are in degrees, counter-clockwise from +x with y up
(row 0 of the array is the top).

Motion, path, disk and polygon PSFs are integrated exactly over the picture *interpolated bilinearly*: a motion PSF is the mean
of the infinitely many sub-pixel-shifted pictures along its stroke. So a turn of 0.1 degree or a length changed by 0.1 px always
shows, even below one pixel, and strength 0 is the identity. :func:`imagenet_c` alone is neither centred nor of sum 1.

Example:
    >>> motion(15, 30).shape, disk(2.5).shape
    ((9, 15), (7, 7))
"""

from blurdata.psf.aperture import disk, polygon
from blurdata.psf.gaussians import anisotropic_gaussian, gaussian
from blurdata.psf.imagenet import imagenet_c
from blurdata.psf.lens import circle_of_confusion
from blurdata.psf.path import from_path, motion, motion_path
from blurdata.psf.shaking import shake, shake_path

__all__ = [
    "anisotropic_gaussian",
    "circle_of_confusion",
    "disk",
    "from_path",
    "gaussian",
    "imagenet_c",
    "motion",
    "motion_path",
    "polygon",
    "shake",
    "shake_path",
]
