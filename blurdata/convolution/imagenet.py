"""How is ImageNet-C's blur reproduced in code values?"""

import numpy as np
from numpy.typing import NDArray

from blurdata import psf
from blurdata.convolution.single import convolve
from blurdata.psf.imagenet import BORDER


def imagenet_c_blur(image: NDArray[np.uint8], kind: str, severity: int, *, angle_deg: float = 0.0) -> NDArray[np.uint8]:
    """``image`` with ImageNet-C's defocus, motion or Gaussian blur, as imagecorruptions 1.1.2 makes it (not ImageNet-C's own Wand).

    The peer blurs code values (not light), drops the fraction (not rounds), shifts the picture by 2 to 11 px in motion and brightens
    it by up to 1.3 % in defocus; all this is kept, so that published numbers stay comparable. Grey and small pictures work.

    Args:
        image: (H, W) or (H, W, C) uint8.
        kind: ``"defocus"``, ``"motion"`` or ``"gaussian"``.
        severity: 1 to 5.
        angle_deg: Of motion only; imagecorruptions draws it from -45 to 45.

    Returns:
        uint8 of the same shape.

    Raises:
        TypeError: If the image is not uint8.
        ValueError: If the kind or severity is unknown.

    Example:
        >>> imagenet_c_blur(np.full((8, 8), 200, np.uint8), "defocus", 5)[0, 0]
        np.uint8(202)
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        msg = f"image must be a numpy array of uint8, as imagecorruptions takes it, got {getattr(image, 'dtype', type(image).__name__)}."
        raise TypeError(msg)
    kernel = psf.imagenet_c(kind, severity, angle_deg=angle_deg, image_hw=(image.shape[0], image.shape[1]))
    border = BORDER[kind.removesuffix("_blur")]
    codes = convolve(image.astype(np.float32), kernel, curve="linear", border=border)
    # float32 sums of whole numbers fall a hair below them, where the peer's own sums may not: lift by less than one part in a million
    return np.asarray(np.floor(np.clip(codes + 1e-4, 0, 255)), np.uint8)
