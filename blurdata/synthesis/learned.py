"""Virtual frames by somebody else's interpolator: a Python callable, or a TorchScript file.

Both see code values in [0, 1], as learned interpolators are trained. Torch is imported only when a file is opened.
"""

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata.color import Curve
from blurdata.errors import SourceError
from blurdata.pairs import Image
from blurdata.synthesis.blend import LightSum
from blurdata.synthesis.interpolate import Between, DisInterpolator

Codes = NDArray[np.float32]
InterpolateFrames = Callable[[Codes, Codes, float], Codes]
_OVERSHOOT = 1.0  # beyond [0, 1] is clipped as far as this; more is another scale, such as 0 to 255
_MOMENTS = 256  # parts of an interval that a network which knows only the middle tells apart
_MULTIPLE = 64  # sides are padded to it, since most networks halve their input several times


class CallableInterpolator:
    """Virtual frames by ``interpolate(before, after, moment)``.

    Args:
        interpolate: Takes two (H, W, 3) float32 frames of code values in [0, 1] and a moment in (0, 1); returns the frame there.
        curve: How codes relate to light.
        bits: 8 or 16.
    """

    def __init__(self, interpolate: InterpolateFrames, curve: Curve, *, bits: int) -> None:
        self._interpolate, self._curve, self._top = interpolate, curve, np.float32((1 << bits) - 1)
        self._flow = DisInterpolator(curve, bits=bits)

    def __call__(self, before: Image, after: Image, *, where: str) -> Between:
        """The two frames as code values in [0, 1]."""
        a, b = before.astype(np.float32) / self._top, after.astype(np.float32) / self._top
        return _CallableBetween(self._interpolate, self._curve, a, b, where, partial(self._flow, before, after))


class _CallableBetween:
    def __init__(
        self, interpolate: InterpolateFrames, curve: Curve, a: Codes, b: Codes, where: str, along_flow: Callable[[], Between]
    ) -> None:
        self._interpolate, self._curve, self._ends, self._where, self._along_flow = interpolate, curve, (a, b), where, along_flow

    def add_to(self, light: LightSum | None, code: LightSum | None, steps: int, weight: int) -> None:
        """Ask for each virtual frame and add it."""
        before, after = self._ends
        for k in range(1, steps):
            frame = np.asarray(self._interpolate(before.copy(), after.copy(), k / steps))
            frame = np.clip(self._checked(frame), 0, 1)
            if light is not None:
                light.add_light(self._curve.decode(frame), weight)
            if code is not None:
                code.add_light(frame, weight)

    def _checked(self, frame: NDArray[Any]) -> NDArray[Any]:
        wanted = self._ends[0].shape
        if frame.shape != wanted or frame.dtype.kind != "f":
            msg = (
                f"{self._where}: the interpolator gave {frame.dtype} {frame.shape}; it must give floats of shape {wanted}, like its input."
            )
            raise SourceError(msg)
        if not np.isfinite(frame).all():
            msg = f"{self._where}: the interpolator gave NaN or infinity; mend it, or use another one or the recipe's own interpolation."
            raise SourceError(msg)
        if frame.min() < -_OVERSHOOT or frame.max() > 1 + _OVERSHOOT:
            msg = f"{self._where}: the interpolator gave values from {frame.min():.3g} to {frame.max():.3g}; it must give codes in [0, 1]."
            raise SourceError(msg)
        return frame

    def bent(self, earlier: Between | None, later: Between | None) -> Between:
        """The same: the interpolator sees two frames only."""
        return self

    def add_mask_to(self, total: LightSum, masks: tuple[NDArray[np.float32], NDArray[np.float32]], steps: int, weight: int) -> None:
        """Move the masks along optical flow: where the interpolator moved things it does not tell."""
        self._along_flow().add_mask_to(total, masks, steps, weight)


class TorchScriptFrames:
    """A TorchScript file as a callable; picklable by its path.

    The module is called with two (1, 3, H, W) float32 tensors of code values in [0, 1] and the moment: a number where its third
    argument is annotated ``float``, otherwise a (1, 1, 1, 1) tensor. A module of two arguments gives the middle and is asked again
    between its own answers, up to eight times, which tells moments to 1/512 of the interval. Sides are padded to a multiple of 64.

    Raises:
        SourceError: If the file is no TorchScript module of that kind.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._module: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {"_path": self._path, "_module": None}

    def __call__(self, before: Codes, after: Codes, moment: float) -> Codes:
        """The frame at ``moment``."""
        import torch

        self.open()
        height, width = before.shape[:2]
        pad = (0, -width % _MULTIPLE, 0, -height % _MULTIPLE)
        a, b = (
            torch.nn.functional.pad(torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None], pad, mode="replicate")
            for frame in (before, after)
        )
        try:
            with torch.inference_mode():
                frame = self._ask(a, b, moment)
                if frame.shape != a.shape:
                    msg = f"it gave {tuple(frame.shape)} for {tuple(a.shape)}"
                    raise RuntimeError(msg)
                found = frame[0, :, :height, :width].permute(1, 2, 0).numpy()
        except (RuntimeError, TypeError, IndexError, AttributeError, torch.jit.Error) as error:
            reason = str(error).strip().splitlines()[-1]
            msg = f"{self._path}: does not interpolate ({reason}); it must take two (1, 3, H, W) frames and a moment."
            raise SourceError(msg) from error
        return np.asarray(found, np.float32)

    def open(self) -> None:
        """Read the file, once in each process."""
        import torch

        if self._module is not None:
            return
        if not self._path.is_file():
            msg = f"{self._path}: there is no such file; give the TorchScript file of an interpolator."
            raise SourceError(msg)
        try:
            load: Any = torch.jit.load
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # torch advises against making new files, old ones still open
                self._module = load(str(self._path), map_location="cpu").eval()
        except (RuntimeError, ValueError, OSError) as error:
            msg = f"{self._path}: is no TorchScript file; save the interpolator with torch.jit.script(...).save(...)."
            raise SourceError(msg) from error

    def _ask(self, a: Any, b: Any, moment: float) -> Any:
        import torch

        arguments = self._module.forward.schema.arguments
        if len(arguments) == 3:
            return self._middle(a, b, moment)
        exact = str(arguments[3].type) == "float"
        return self._module(a, b, moment if exact else torch.full((1, 1, 1, 1), moment))

    def _middle(self, a: Any, b: Any, moment: float) -> Any:
        """Halve the interval until the moment, of which there are 255, is its middle."""
        part = min(max(round(moment * _MOMENTS), 1), _MOMENTS - 1)
        low, high = 0, _MOMENTS
        while True:
            half, middle = (low + high) // 2, self._module(a, b)
            if half == part:
                return middle
            (a, low), (b, high) = ((a, low), (middle, half)) if part < half else ((middle, half), (b, high))
