"""Which frames make which exposure: a pure function of a film's analysis and a recipe."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blurdata.naming import GOPRO_NAME
from blurdata.synthesis.analysis import Analysis
from blurdata.synthesis.cadence import taken_apart
from blurdata.synthesis.recipe import SynthesisRecipe
from blurdata.synthesis.repeats import unchanged

_UNEVEN = 1.25  # ratio of the longest to the shortest interval of a window: phones' jitter by a tenth
_ROUNDED_S = 1.1e-3  # what rounding to milliseconds adds to one at most


@dataclass(frozen=True, slots=True)
class Window:
    """One exposure.

    Args:
        key: Name of its pair.
        sequence: The run of consecutive exposures it belongs to.
        shot: Number of its shot in the film.
        position: Its place in the sequence, from 0.
        frames: Numbers of the film's frames in it; repeated frames are not among them.
        apart: How far apart neighbours among them were taken, in frames of the film.
        virtual: Samples per frame interval, 1 without interpolation.
        blur_px: Mean, 95th percentile and maximum of the blur's length, summed over the intervals.
        disagreement: The largest share of a frame on which the flows of an interval disagree.
    """

    key: str
    sequence: str
    shot: int
    position: int
    frames: tuple[int, ...]
    apart: tuple[float, ...]
    virtual: int
    blur_px: tuple[float, float, float]
    disagreement: float

    @property
    def centre(self) -> int:
        """The frame that is the ground truth."""
        return self.frames[len(self.frames) // 2]


@dataclass(frozen=True)
class Piece:
    """Frames of one shot that may be blended across."""

    shot: int
    part: int
    frames: tuple[int, ...]


def plan_windows(name: str, analysis: Analysis, recipe: SynthesisRecipe) -> tuple[list[Window], Counter[str]]:
    """Every exposure of a film in order, and how many frames and windows were left out for which reason."""
    counts: Counter[str] = Counter()
    windows: list[Window] = []
    for piece in split_film(analysis, recipe, counts):
        length = draw_window(recipe, f"{name}/{piece.shot}")
        sequence = f"{name}_{length:02d}_{piece.shot:02d}" + (f"-{piece.part}" if piece.part else "")
        starts = range(0, len(piece.frames) - length + 1, recipe.step_of(length))
        if not starts:
            counts["shots_too_short"] += 1
        used = min(len(piece.frames), starts[-1] + max(length, recipe.step_of(length))) if starts else 0
        counts["frames_left_over"] += len(piece.frames) - used
        numbers = np.array(piece.frames)
        apart = taken_apart(numbers, analysis.steps["mean_px"][numbers[1:] - 1]).tolist()
        for position, start in enumerate(starts):
            part = slice(start, start + length)
            window = _window(sequence, piece, position, piece.frames[part], tuple(apart[part][: length - 1]), analysis, recipe)
            reason = refusal(window, recipe)
            counts[reason or "pairs"] += 1
            if reason is None:
                windows.append(window)
    return windows, counts


def refusal(window: Window, recipe: SynthesisRecipe) -> str | None:
    """Why a window is left out, or None."""
    if recipe.interpolation != "none" and window.disagreement > recipe.max_disagreement:
        return "windows_refused_by_flow"
    if recipe.max_blur_px is not None and window.blur_px[1] > recipe.max_blur_px:
        return "windows_over_max_blur"
    if window.blur_px[1] < recipe.min_blur_px:
        return "windows_under_min_blur"
    return None


def draw_window(recipe: SynthesisRecipe, name: str) -> int:
    """The window length of a sequence: what a name of ``GOPRO_Large_all`` states, if the recipe knows it, else drawn by seed and name."""
    choices = recipe.windows
    if len(choices) == 1:
        return choices[0]
    for part in name.split("/"):
        published = GOPRO_NAME.fullmatch(part.partition("~")[0])  # a second film of the name is numbered behind it
        if published and int(published[2]) in choices:
            return int(published[2])
    weights = np.array(recipe.window_weights or [1.0] * len(choices))
    return int(generator(recipe.seed, name).choice(choices, p=weights / weights.sum()))


def generator(seed: int, name: str) -> np.random.Generator:
    """Random numbers that depend on the seed and a name only."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


def split_film(analysis: Analysis, recipe: SynthesisRecipe, counts: Counter[str]) -> Iterator[Piece]:
    """Shots, cut at scene cuts, static stretches and missing frames, without repeated frames."""
    cuts, breaks, gaps = set(analysis.cuts), set(analysis.timing_breaks()), set(analysis.gaps.tolist())
    counts["cuts"] += len(cuts)
    counts["timing_breaks"] += len(breaks)
    counts["numbering_gaps"] += len(gaps)
    static, repeated = unchanged(
        analysis.steps,
        still_change=recipe.still_change,
        repeat_share=recipe.repeat_share,
        still_frames=recipe.still_frames,
        cuts=analysis.cuts,
    )
    counts["static_frames"] += len(static)
    counts["repeated_frames"] += len(repeated)
    shot, part = 0, 0
    frames: list[int] = []
    for frame in range(analysis.frames):
        if frame in cuts or frame in breaks or frame in gaps or frame in static:
            if frames:
                yield Piece(shot, part, tuple(frames))
                part += 1
            frames = []
            if frame in cuts:
                shot, part = shot + 1, 0
        if frame not in static and frame not in repeated:
            frames.append(frame)
    if frames:
        yield Piece(shot, part, tuple(frames))


def _window(
    sequence: str,
    piece: Piece,
    position: int,
    frames: tuple[int, ...],
    apart: tuple[float, ...],
    analysis: Analysis,
    recipe: SynthesisRecipe,
) -> Window:
    gaps = analysis.steps[frames[0] : frames[-1]]
    return Window(
        key=f"{sequence}/{position + 1:06d}",
        sequence=sequence,
        shot=piece.shot,
        position=position,
        frames=frames,
        apart=_in_time(apart, frames, analysis),
        virtual=virtual_steps(gaps, recipe),
        blur_px=(
            _total(gaps["mean_px"]),
            _total(gaps["p95_px"]),
            _total(gaps["max_px"]),
        ),
        disagreement=round(float(gaps["disagreement"].max()), 4),
    )


def _in_time(apart: tuple[float, ...], frames: tuple[int, ...], analysis: Analysis) -> tuple[float, ...]:
    """How far apart frames were taken as their times say, on the average 1, where the rate varies and none is repeated."""
    if not analysis.times_s.size or frames[-1] - frames[0] != len(apart):
        return apart
    held_s = np.diff(analysis.times_s[list(frames)])
    rounding_s = _ROUNDED_S if analysis.rounded else 0.0
    if held_s.max() <= _UNEVEN * held_s.min() + rounding_s:
        return apart
    return tuple((held_s / held_s.mean()).tolist())


def _total(lengths_px: NDArray[np.float32]) -> float:
    return round(float(lengths_px.sum(dtype=np.float64)), 3)


def virtual_steps(gaps: NDArray[np.void], recipe: SynthesisRecipe) -> int:
    """Samples per frame interval: one, the recipe's number, or as many as keep each step under ``max_step_px``."""
    if recipe.interpolation == "none":
        return 1
    if recipe.virtual_frames is not None:
        return recipe.virtual_frames
    fastest = float(gaps["max_px"].max())
    return int(min(recipe.max_virtual_frames, max(1, np.ceil(fastest / recipe.max_step_px))))
