"""The same transforms for albumentations >= 2.0.8, < 2.1: same names, same parameters, same result for the same parameters.

``A.Compose`` takes them like its own. Boxes, masks and keypoints pass unchanged (PSFs are centred, so they stay true), ``images``
get one draw for the whole clip, ``ReplayCompose`` and ``save_applied_params`` log physical numbers (``length_px``, ``angle_deg``)
and replay them, ``A.to_dict`` and ``A.from_dict`` keep everything. Pictures are (H, W) or (H, W, C) uint8, uint16 or float; floats are
not clipped.

A pair goes as ``pipeline(image=blurry, sharp=sharp)`` with ``additional_targets={"sharp": "image"}``: geometry moves both halves, and
these transforms leave ``sharp`` alone (albumentations' own would blur it too).

**Seeds in DataLoader workers.** albumentations 2.0.8 copies one generator into every worker, so that all workers, and all
epochs, repeat the same draws. Here each draw inside a worker also depends on the worker's seed, which PyTorch makes from
``torch.manual_seed``, the epoch and the worker's number: workers and epochs differ, and ``Compose(seed=…)`` together with
``torch.manual_seed(…)`` repeats a whole run. Without workers only ``Compose(seed=…)`` counts. Two transforms in one pipeline draw
independently where their classes differ.

Example:
    >>> pipeline = A.Compose([MotionBlur(length_px=(3, 31)), DefocusBlur(radius_px=2, p=0.5)], seed=7, save_applied_params=True)
    >>> out = pipeline(image=np.zeros((32, 32, 3), np.uint8))
    >>> sorted(out["applied_transforms"][0][1])
    ['angle_deg', 'length_px', 'shape']
"""

import os
import sys
import zlib
from importlib import metadata
from typing import Any

import numpy as np

from blurdata.errors import MissingDependency
from blurdata.transforms import any_blur, defocus, depth, gaussian, imagenet_c, motion, noise, saturation, shake, zoom
from blurdata.transforms.degradation import Array, Degradation

_NEEDED = "pip install 'albumentations>=2.0.8,<2.1'"


def check_distribution() -> None:
    """Raise MissingDependency unless the module ``albumentations`` is the MIT-licensed distribution of that name, 2.0.8 or a later 2.0."""
    installed = {name: _version(name) for name in ("albumentations", "albumentationsx")}
    if installed["albumentationsx"]:
        msg = (
            f"The module 'albumentations' comes from AlbumentationsX {installed['albumentationsx']}, which is AGPL-3.0 or commercial; "
            f"blurdata needs the MIT distribution: pip uninstall -y albumentationsx albumentations && {_NEEDED}."
        )
        raise MissingDependency(msg)
    version = installed["albumentations"]
    if version is None:
        msg = f"blurdata.transforms.albumentations needs the package albumentations: {_NEEDED}."
        raise MissingDependency(msg)
    numbers = tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
    if not (2, 0, 8) <= numbers < (2, 1):
        msg = f"blurdata.transforms.albumentations needs albumentations 2.0.8 or a later 2.0, version {version} is installed: {_NEEDED}."
        raise MissingDependency(msg)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


check_distribution()
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # its import asks the network for a newer version otherwise
import albumentations as A  # noqa: E402


class BlurTransform(Degradation, A.ImageOnlyTransform):  # type: ignore[misc]  # albumentations ships no types here
    """Base of the albumentations transforms; see the module for seeds."""

    def get_params(self) -> dict[str, Any]:
        """Draw the parameters, in physical units, as plain numbers."""
        return self.draw(self._generator().random(self.uniforms).tolist())

    def apply(self, img: Array, *, frame: int = 0, **params: Any) -> Array:
        """Degrade one picture."""
        return self.prepare(params)(img, frame)

    def apply_to_images(self, images: Array, **params: Any) -> Array:
        """Degrade every frame with the same parameters."""
        degrade = self.prepare(params)
        return np.stack([degrade(image, frame) for frame, image in enumerate(images)])

    def apply_with_params(self, params: dict[str, Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Apply to all targets; a depth map under ``depth`` is used and passed on, but not logged."""
        extra = {"depth": kwargs["depth"]} if kwargs.get("depth") is not None else {}
        out: dict[str, Any] = super().apply_with_params({**params, **extra}, *args, **kwargs)
        return out

    def add_targets(self, additional_targets: dict[str, str]) -> None:
        """Further pictures of a sample are degraded alike; the one named ``sharp`` is the ground truth of a pair and is not."""
        super().add_targets({name: target for name, target in additional_targets.items() if name != "sharp"})

    def should_apply(self, force_apply: bool = False) -> bool:
        """Whether this call changes the picture; drawn like the parameters, so that workers differ here as well."""
        if force_apply or self.p >= 1:
            return True
        return self.p > 0 and float(self._generator().random()) < self.p

    def set_random_seed(self, seed: int | None) -> None:
        """Seed this transform; ``Compose(seed=…)`` calls it."""
        super().set_random_seed(seed)
        if seed is not None:  # the same seed reaches every transform of a pipeline: keep motion and defocus independent
            self.random_generator = np.random.default_rng([seed, zlib.crc32(type(self).__name__.encode())])

    def get_transform_init_args(self) -> dict[str, Any]:
        """What makes this transform again, for ``A.to_dict`` and ``repr``."""
        return {name: getattr(self, name) for name in self.get_transform_init_args_names() if name != "p"}

    def _generator(self) -> np.random.Generator:
        """The generator to draw from: in a DataLoader worker it depends on the worker's seed, which changes with every epoch."""
        loader = sys.modules.get("torch.utils.data")  # nobody is in a worker who has not imported it
        worker = loader.get_worker_info() if loader else None
        if worker is not None and self.__dict__.get("_worker_seed") != worker.seed:
            own = self.random_generator.integers(2**32, size=4).tolist()
            self.random_generator, self._worker_seed = np.random.default_rng([*own, worker.seed]), worker.seed
        return self.random_generator


class MotionBlur(motion.MotionBlur, BlurTransform):
    """Straight motion."""

    __doc__ = motion.MotionBlur.__doc__


class CameraShakeBlur(shake.CameraShakeBlur, BlurTransform):
    """A random trajectory of the camera."""

    __doc__ = shake.CameraShakeBlur.__doc__


class DefocusBlur(defocus.DefocusBlur, BlurTransform):
    """A lens out of focus."""

    __doc__ = defocus.DefocusBlur.__doc__


class GaussianBlur(gaussian.GaussianBlur, BlurTransform):
    """Gaussian blur in linear light."""

    __doc__ = gaussian.GaussianBlur.__doc__


class ZoomBlur(zoom.ZoomBlur, BlurTransform):
    """Zoom and roll during the exposure."""

    __doc__ = zoom.ZoomBlur.__doc__


class DepthDefocusBlur(depth.DepthDefocusBlur, BlurTransform):
    """Defocus by depth."""

    __doc__ = depth.DepthDefocusBlur.__doc__


class SensorNoise(noise.SensorNoise, BlurTransform):
    """Poisson-Gaussian noise in linear light."""

    __doc__ = noise.SensorNoise.__doc__


class Saturation(saturation.Saturation, BlurTransform):
    """Overexposure."""

    __doc__ = saturation.Saturation.__doc__


class ImageNetCBlur(imagenet_c.ImageNetCBlur, BlurTransform):
    """ImageNet-C's blur."""

    __doc__ = imagenet_c.ImageNetCBlur.__doc__


class AnyBlur(any_blur.AnyBlur, BlurTransform):
    """A weighted choice of all blurs."""

    __doc__ = any_blur.AnyBlur.__doc__
