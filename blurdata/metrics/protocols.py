"""The published ways to score, by name: what each measures, its settings, and an id that goes with every score."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from typing import Any

import cv2

from blurdata.metrics.realblur import GAUSS_PX, ITERATIONS, realblur_score
from blurdata.metrics.similarity import Picture, psnr, ssim
from blurdata.recipe import recipe_id

_PLAIN = {"psnr": "10 log10(peak^2 / mse)", "ssim": "skimage", "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
_SETTINGS: dict[str, dict[str, Any]] = {
    "plain": _PLAIN,
    "gopro-matlab": {"psnr": "10 log10(peak^2 / mse)", "ssim": "matlab3d", "window": 11, "sigma": 1.5, "padding": "replicate"},
    "realblur": {
        **_PLAIN,
        "ssim": "realblur_masked",
        "gain": "sum(xz) / sum(zz)",
        "motion": "homography",
        "iterations": ITERATIONS,
        "epsilon": 0,
        "gauss_px": GAUSS_PX,
        "warp": "cubic, reflect",
    },
}
PROTOCOLS = tuple(_SETTINGS)


@dataclass(frozen=True)
class Score:
    """What one picture scores.

    Args:
        psnr: dB; infinite where both pictures are equal.
        ssim: At most 1.
        status: ``"ok"``, ``"identical"``, or why it was scored without alignment: ``"black"``, ``"unalignable"``.
        gain: What the restored picture was multiplied with; 1 but for ``realblur``.
    """

    psnr: float
    ssim: float
    status: str
    gain: float = 1.0


@dataclass(frozen=True)
class Protocol:
    """A named way to score.

    Args:
        name: ``"plain"``: PSNR and scikit-image's Gaussian SSIM. ``"gopro-matlab"``: PSNR and MATLAB's volume SSIM, as GoPro and HIDE are
            quoted. ``"realblur"``: after the official alignment.
        clip: For ``realblur``: clip to [0, 1] after alignment, as RSBlur does.

    Raises:
        ValueError: If there is no such protocol, or ``clip`` is given to another one.

    Example:
        >>> Protocol("realblur", clip=True).settings["clip"]
        True
    """

    name: str
    clip: bool = False
    settings: Mapping[str, Any] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if self.name not in PROTOCOLS:
            msg = f"The protocol must be one of {', '.join(PROTOCOLS)}, got {self.name!r}."
            raise ValueError(msg)
        if self.clip and self.name != "realblur":
            msg = f"Only the realblur protocol can clip, got {self.name!r} with clip=True."
            raise ValueError(msg)
        own = {"clip": self.clip} if self.name == "realblur" else {}
        object.__setattr__(self, "settings", {"protocol": self.name, **_SETTINGS[self.name], **own})

    @property
    def id(self) -> str:
        """16 hex digits of a hash of the settings."""
        return recipe_id(self.settings)

    def score(self, restored: Picture, sharp: Picture) -> Score:
        """Score one picture; both (H, W, 3), of one dtype and size.

        Raises:
            TypeError: If the dtype is another one.
            ValueError: If the two differ in shape or dtype, or are too small.
        """
        if self.name == "realblur":
            aligned = realblur_score(restored, sharp, clip=self.clip)
            status = "identical" if math.isinf(aligned.psnr) else aligned.status
            return Score(aligned.psnr, aligned.ssim, status, aligned.gain)
        ratio = psnr(restored, sharp)
        likeness = ssim(restored, sharp, variant="matlab3d" if self.name == "gopro-matlab" else "skimage")
        status = "identical" if math.isinf(ratio) else "ok" if restored.any() else "black"
        return Score(ratio, likeness, status)


@cache
def versions() -> dict[str, str]:
    """Versions of the libraries that scores depend on; RealBlur's move in the last digits with OpenCV."""
    return {"opencv": str(cv2.__version__), **{name: version(name) for name in ("scikit-image", "numpy", "scipy")}}
