"""What a synthesis recipe says: which frames make one exposure, in which light, with what in between."""

import math
from typing import Literal

from pydantic import Field, field_validator, model_validator

from blurdata.recipe import FileName, Recipe
from blurdata.sensor import Sensor


class SynthesisRecipe(Recipe):
    """How sharp frames become one blurry photograph; the fields of ``recipes/gopro.yaml`` and its kin.

    An exposure is ``window`` frames, M of them, whose light is averaged; its middle frame is the sharp half of the pair. M
    samples span M - 1 frame intervals, so ``exposure_s`` is (M - 1) / fps, whatever the weight of the ends, and
    longer where repeats were left out.

    Args:
        window: Frames in one exposure, odd; a list draws one of them for each sequence, but takes that of the name for sequences of
            ``GOPRO_Large_all`` (GOPR0372_07_00 was blended by 7 frames).
        window_weights: How often each entry of such a list is drawn; None for equally often, without a meaning for one number.
        step: Frames from the start of one exposure to the start of the next; None follows from ``duty``, or is the window.
        duty: Share of the time that the shutter is open, (window - 1) / step; checked where window and step are given too.
        variant: ``blur`` averages code values, ``blur_gamma`` averages light under ``curve``, ``both`` makes both.
        interpolation: ``none``, ``dis`` (bidirectional optical flow), ``torchscript`` (a file given by ``interpolator``) or
            ``callable`` (a function given to :func:`synthesize`).
        interpolator: Path of the TorchScript file.
        virtual_frames: Steps per frame interval; None takes as many as keep every step under ``max_step_px``.
        max_step_px: The longest step between virtual frames, px.
        max_virtual_frames: The most steps per interval that ``virtual_frames: null`` may choose.
        max_disagreement: A window is refused where forward and backward flow disagree on more than this share of a frame, not
            counting where it does not show, as on a plain wall (only with interpolation).
        curve: How code values relate to light: ``gamma22``, ``srgb``, ``linear``, or the path of a table.
        blur_vectors: Whether ``extras`` hold the map of blur vectors of each pair, (H, W, 2) float16 px from the first sample to the
            last, x to the right, y down (:class:`~blurdata.synthesis.vectors.BlurVectors`); costs one optical flow a frame.
        end_weight: Weight of the first and last sample, 1 (plain mean) or 0.5 (trapezoid).
        capture_fps: Frames per second at capture where the file says otherwise (slow motion tagged 30).
        folder_fps: The rate of sources that carry none (frame folders, arrays); not of a video that fails to state its own.
        source_exposure_s: Shutter time of the source's own frames, recorded with every pair.
        min_blur_px: Windows blurred less than this (95th percentile) are left out and counted, such as those of a film that stands
            still under sensor grain, which is no static stretch.
        max_blur_px: Windows blurred more than this (95th percentile) are left out and counted; None for no limit.
        still_change: Two frames are the same where no spot of 3 x 3 changes by more than this many 8-bit codes (16-bit
            frames: 257 times as much); 0 finds only exact repeats.
        repeat_share: A frame is a repeat too where its mean change is less than this share of what the frames around it suggest, which
            finds repeats that compression has altered; 0 leaves them.
        still_frames: A run of at least this many unchanged frames is a static stretch, a shorter one repeated frames.
        color_matrix: Colour matrix of a video; ``auto`` believes its tag, untagged ones are BT.601 as FFmpeg takes them.
        saturation_code: An 8-bit code from which on a sample is taken for clipped (16-bit frames: 257 times as much).
        sensor: What the camera adds to the light: saturation, noise, response; None leaves the mean as it is.
        seed: Every random choice follows from this, the name of the sequence and the number of the pair.
    """

    window: int | list[int] = 11
    window_weights: list[float] | None = None
    step: int | None = Field(default=None, ge=1)
    duty: float | None = Field(default=None, gt=0, le=1)
    variant: Literal["blur", "blur_gamma", "both"] = "both"
    interpolation: Literal["none", "dis", "torchscript", "callable"] = "none"
    interpolator: FileName | None = None
    virtual_frames: int | None = Field(default=None, ge=1, le=256)
    max_step_px: float = Field(default=1.0, gt=0)
    max_virtual_frames: int = Field(default=64, ge=1, le=256)
    max_disagreement: float = Field(default=0.2, gt=0, le=1)
    curve: FileName = "gamma22"
    blur_vectors: bool = False
    end_weight: float = 1.0
    capture_fps: float | None = Field(default=None, ge=1e-6, le=1e9)
    folder_fps: float | None = Field(default=None, ge=1e-6, le=1e9)
    source_exposure_s: float | None = Field(default=None, gt=0)
    min_blur_px: float = Field(default=0.0, ge=0)
    max_blur_px: float | None = Field(default=None, gt=0)
    still_change: float = Field(default=1.5, ge=0)
    repeat_share: float = Field(default=0.15, ge=0, le=0.5)
    still_frames: int = Field(default=6, ge=2)
    color_matrix: Literal["auto", "bt601", "bt709", "bt2020"] = "auto"
    saturation_code: int = Field(default=250, ge=1, le=255)
    sensor: Sensor | None = None
    seed: int = Field(default=0, ge=0)

    @field_validator("window")
    @classmethod
    def _odd(cls, window: int | list[int]) -> int | list[int]:
        choices = window if isinstance(window, list) else [window]
        if not choices or any(m < 3 or m % 2 == 0 or m > 4097 for m in choices):
            msg = "must be odd, from 3 to 4097, so that a centre frame is the ground truth"
            raise ValueError(msg)
        return window

    @field_validator("end_weight")
    @classmethod
    def _ends(cls, end_weight: float) -> float:
        if end_weight not in (1.0, 0.5):
            msg = "must be 1 (plain mean) or 0.5 (trapezoid)"
            raise ValueError(msg)
        return end_weight

    @model_validator(mode="after")
    def _agree(self) -> "SynthesisRecipe":
        weights = self.window_weights
        if (
            weights is not None
            and isinstance(self.window, list)
            and (len(weights) != len(self.window) or min(weights) < 0 or not 0 < sum(weights) < math.inf)
        ):
            msg = "window_weights needs one weight of at least 0 for each entry of window, and not all may be 0 or huge"
            raise ValueError(msg)
        if self.duty and self.step:
            for m in self.windows:
                if not (m - 1) / self.step - 1e-6 <= self.duty <= m / self.step + 1e-6:
                    implied = f"{(m - 1) / self.step:.3g}"
                    msg = f"window {m} every {self.step} frames is a duty of {implied}, not {self.duty:g}; change or leave out one of them"
                    raise ValueError(msg)
        if self.virtual_frames is not None and "interpolation" not in self.model_fields_set:
            msg = f"virtual_frames is {self.virtual_frames}, and nothing makes them; add `interpolation: dis` or leave it out"
            raise ValueError(msg)
        most = self.max_virtual_frames
        if "max_virtual_frames" in self.model_fields_set and self.virtual_frames is not None and self.virtual_frames > most:
            msg = f"virtual_frames is {self.virtual_frames} and max_virtual_frames {most}, the limit of `virtual_frames: null`; drop one"
            raise ValueError(msg)
        if self.sensor is not None and self.variant != "blur_gamma":
            msg = "a sensor sees light, so variant must be blur_gamma"
            raise ValueError(msg)
        if (self.interpolation == "torchscript") != (self.interpolator is not None):
            msg = "interpolation: torchscript and interpolator: FILE belong together"
            raise ValueError(msg)
        return self

    @property
    def windows(self) -> list[int]:
        """The window lengths that may be drawn."""
        return list(self.window) if isinstance(self.window, list) else [self.window]

    def step_of(self, window: int) -> int:
        """Frames from the start of one exposure of ``window`` frames to the start of the next."""
        if self.step:
            return self.step
        return max(window, round((window - 1) / self.duty)) if self.duty else window
