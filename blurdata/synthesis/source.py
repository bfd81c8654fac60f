"""Films as a :class:`PairSource`: analysed once, planned purely, decoded forwards once."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from blurdata.color import curve, with_tables
from blurdata.errors import RecipeError, SourceError
from blurdata.files import fingerprint_files
from blurdata.interrupt import check
from blurdata.naming import counted, some
from blurdata.pairs import Image, Pair, PairSource
from blurdata.progress import progress
from blurdata.synthesis.analysis import Analysis, analyze
from blurdata.synthesis.exposure import Exposure
from blurdata.synthesis.frames import Film
from blurdata.synthesis.interpolate import Between, DisInterpolator, Interpolator
from blurdata.synthesis.learned import CallableInterpolator, InterpolateFrames, TorchScriptFrames
from blurdata.synthesis.recipe import SynthesisRecipe
from blurdata.synthesis.room import Room
from blurdata.synthesis.windows import Window, plan_windows

UNBLURRED_PX = 0.5  # 95th percentile; what a standing film under grain shows in a textured scene stays far below


@dataclass(frozen=True, slots=True)
class _Take:
    """One window of one film."""

    film: int
    shot: int  # over all films
    window: Window


class FilmPairs(PairSource):
    """Blurry/sharp pairs from films.

    Args:
        films: Where the frames come from.
        recipe: How they become pairs.
        cache: Folder for the analyses, or None to keep them in memory only.
        shots: Numbers of the shots to keep, counted over all films from 0; None for all.
        interpolate: Makes virtual frames where the recipe says ``callable``; see :mod:`~blurdata.synthesis.learned`.
        show_progress: Draw the progress of the analysis on stderr.
        left_out: What lay beside the films and is none, to be told.
    """

    def __init__(
        self,
        films: Sequence[Film],
        recipe: SynthesisRecipe,
        *,
        cache: Path | None = None,
        shots: Sequence[int] | None = None,
        interpolate: InterpolateFrames | None = None,
        show_progress: bool = False,
        left_out: Sequence[Path] = (),
    ) -> None:
        if recipe.interpolation == "callable" and interpolate is None:
            msg = "recipe: field 'interpolation': 'callable' needs a function, synthesize(…, interpolator=function)."
            raise RecipeError(msg)
        self._films = list(films)
        self.left_out = list(left_out)
        self._plan = recipe
        self._interpolate = interpolate
        self.recipe: Mapping[str, Any] = with_tables(recipe.resolved())
        if recipe.interpolator is not None:  # what counts is the file's content, wherever it lies
            path = Path(recipe.interpolator)
            self._interpolate = TorchScriptFrames(path)
            self._interpolate.open()
            self.recipe = {**self.recipe, "interpolator": fingerprint_files([path], root=path.parent)}
        self._only = None if shots is None else sorted(set(shots))
        self._analyses = [_analyzed(film, cache, show_progress) for film in self._films]
        self._fps = [known.shown_fps(film.fps) for film, known in zip(self._films, self._analyses, strict=True)]
        _check_sizes(self._films, self._analyses, recipe)
        self._takes, self._counts, self._shots = self._planned()

    def _planned(self) -> tuple[list[_Take], Counter[str], int]:
        takes: list[_Take] = []
        counts: Counter[str] = Counter()
        first = 0
        for number, (film, analysis) in enumerate(zip(self._films, self._analyses, strict=True)):
            windows, left_out = plan_windows(film.full_name, analysis, self._plan)
            counts += left_out
            takes += [_Take(number, first + window.shot, window) for window in windows]
            first += len(analysis.cuts) + 1
        if not takes:
            raise SourceError(_nothing(self._films, self._analyses, self._plan, counts))
        if self._only is not None:
            wrong = [shot for shot in self._only if not 0 <= shot < first]
            if wrong:
                msg = f"There is no shot {wrong[0]}; the {first} shots are numbered from 0."
                raise SourceError(msg)
            takes = [take for take in takes if take.shot in self._only]
        return takes, counts, first

    @cached_property
    def keys(self) -> Sequence[str]:
        """Keys in order: ``<film>_<window>_<shot>/<number>``."""
        return [take.window.key for take in self._takes]

    @property
    def shots(self) -> Mapping[int, Sequence[int]]:
        """Shot number -> indices of its pairs; shots without a pair are not listed."""
        found: dict[int, list[int]] = {}
        for index, take in enumerate(self._takes):
            found.setdefault(take.shot, []).append(index)
        return found

    def select(self, shots: Sequence[int]) -> "FilmPairs":
        """The same source with the pairs of some shots only; opened by text it is ``…&shots=0,2``."""
        other = object.__new__(FilmPairs)
        other.__dict__.update({name: value for name, value in self.__dict__.items() if name not in ("keys",)})
        other._only = sorted(set(shots))
        other._takes, other._counts, other._shots = other._planned()
        if self.text:
            other.text = f"{self.text}{'&' if '?' in self.text else '?'}shots={','.join(str(shot) for shot in other._only)}"
        return other

    def __getitem__(self, index: int) -> Pair:
        """One pair; costs at most the decoding of one group of pictures and the window."""
        place = range(len(self._takes))[index]
        return next(self.pairs(place, place + 1))

    def pairs(self, start: int = 0, stop: int | None = None) -> Iterator[Pair]:
        """Pairs in order; each film is decoded once, forwards."""
        takes = self._takes[slice(*slice(start, stop).indices(len(self._takes)))]
        begin = 0
        for end in range(1, len(takes) + 1):
            if end == len(takes) or takes[end].film != takes[begin].film:
                yield from self._expose(takes[begin:end])
                begin = end

    def _expose(self, takes: Sequence[_Take]) -> Iterator[Pair]:
        film, analysis = self._films[takes[0].film], self._analyses[takes[0].film]
        first, last = takes[0].window.frames[0], max(take.window.frames[-1] for take in takes)
        waiting = list(reversed(takes))
        open_: list[tuple[_Take, Exposure]] = []
        interpolator: Interpolator | None = None
        room = Room()
        for number, frame in enumerate(film.read(first, last + 1, analysis.index), start=first):
            check()
            bits = 8 * frame.itemsize
            while waiting and waiting[-1].window.frames[0] <= number:
                take = waiting.pop()
                open_.append((take, Exposure(take.window, self._plan, bits=bits, room=room)))
            if interpolator is None:
                interpolator = self._interpolator(bits)
            known: dict[int, Between] = {}
            for take, exposure in list(open_):
                if number not in take.window.frames:
                    continue
                exposure.add(number, frame, _between(interpolator, exposure, number, frame, known, place=film.place))
                if number == take.window.frames[-1]:
                    open_.remove((take, exposure))
                    yield exposure.finish(self._meta(take, exposure))
        if open_ or waiting:
            msg = f"{film.name}: ends early when read again; was the file changed?"
            raise SourceError(msg)

    def _interpolator(self, bits: int) -> Interpolator | None:
        light = curve(self._plan.curve)
        if self._plan.interpolation == "dis":
            return DisInterpolator(light, bits=bits)
        return None if self._interpolate is None else CallableInterpolator(self._interpolate, light, bits=bits)

    def _capture_fps(self, film: int) -> float | None:
        """Frames per second at capture, as far as recipe and film tell."""
        return self._plan.capture_fps or self._fps[film] or (None if self._films[film].rate_unknown else self._plan.folder_fps)

    def _meta(self, take: _Take, exposure: Exposure) -> dict[str, Any]:
        film, analysis, window, recipe = self._films[take.film], self._analyses[take.film], take.window, self._plan
        fps = self._fps[take.film]
        capture_fps = self._capture_fps(take.film)
        mean, p95, longest = window.blur_px
        return {
            "source": film.name,
            "split": film.split,
            "scene": film.name,
            "sequence": window.sequence.removeprefix(f"{film.split}/"),
            "shot": take.shot,
            "position": window.position,
            "frames": list(window.frames),
            "sharp_frame": window.centre,
            "window": len(window.frames),
            "step": recipe.step_of(len(window.frames)),
            "samples": exposure.samples,
            "end_weight": recipe.end_weight,
            "virtual_frames": window.virtual,
            "interpolation": recipe.interpolation,
            "exposure_s": _exposure_s(analysis, window, capture_fps, fps),
            "capture_fps": capture_fps,
            "container_fps": fps,
            "source_exposure_s": recipe.source_exposure_s,
            "curve": "linear" if recipe.variant == "blur" else recipe.curve,  # under which the blurry half is a mean
            "seed": recipe.seed,
            "blur_px_mean": mean,
            "blur_px_p95": p95,
            "blur_px_max": longest,
            "flow_disagreement": window.disagreement,
            **film.notes,
            "bits": analysis.bits,
        }

    def nbytes(self, index: int) -> int:
        """Raw bytes of both halves."""
        take = self._takes[index]
        analysis = self._analyses[take.film]
        rim = 2 * self._plan.sensor.rim_px if self._plan.sensor else 0
        return (analysis.height - rim) * (analysis.width - rim) * 3 * 2 * (analysis.bits // 8)

    def fingerprint(self) -> str:
        """Hash over the content of all films."""
        total = hashlib.blake2b(digest_size=16)
        for film, analysis in zip(self._films, self._analyses, strict=True):
            total.update(f"{film.name}\x00{analysis.fingerprint}".encode())
        return total.hexdigest()

    def remarks(self) -> Sequence[str]:
        """What lay beside the films and was left out."""
        if not self.left_out:
            return []
        told = f"{some(map(str, self.left_out), limit=1)} left out: one or two pictures are no film where there are others, nor are pairs"
        return [f"{told}, nor what is named as no video"]

    def summary(self) -> Mapping[str, Any]:
        """How much was found, used, and left out, and why.

        ``pairs_without_blur`` are in the set: grain changes every frame, so that one which stands still is no static stretch.
        """
        names = (
            "cuts", "repeated_frames", "static_frames", "timing_breaks", "numbering_gaps", "frames_left_over", "shots_too_short",
            "windows_refused_by_flow", "windows_over_max_blur", "windows_under_min_blur",
        )  # fmt: skip
        considered = sum(count for name, count in self._counts.items() if name == "pairs" or name.startswith("windows_"))
        return {
            "pairs": len(self),
            "pairs_without_blur": sum(take.window.blur_px[1] < UNBLURRED_PX for take in self._takes),
            "films": len(self._films),
            "left_out": len(self.left_out),
            "frames": sum(analysis.frames for analysis in self._analyses),
            "shots": self._shots,
            **{name: self._counts[name] for name in names},
            "films_of_unknown_rate": sum(self._capture_fps(film) is None for film in range(len(self._films))),
            "refused_by_flow_share": round(self._counts["windows_refused_by_flow"] / max(1, considered), 4),
        }


def _between(
    interpolator: Interpolator | None, exposure: Exposure, number: int, frame: Image, known: dict[int, Between], *, place: str
) -> Between | None:
    """What lies between the exposure's last frame and this one; overlapping exposures share it."""
    last = exposure.last
    if interpolator is None or last is None or exposure.window.virtual == 1:
        return None
    if id(last) not in known:
        frames = exposure.window.frames
        where = f"{place}, between frames {frames[frames.index(number) - 1]} and {number}"
        known[id(last)] = interpolator(last, frame, where=where)
    return known[id(last)]


def _exposure_s(analysis: Analysis, window: Window, capture_fps: float | None, fps: float | None) -> float | None:
    """Seconds from the first to the last sample; the times of frames, stretched where the capture rate is not that of the film.

    Where times are rounded to milliseconds, those that are even but for that, are even.
    """
    first, last = window.frames[0], window.frames[-1]
    taken = sum(window.apart)
    even_s = taken / capture_fps if capture_fps else None
    if not analysis.times_s.size:
        return None if even_s is None else round(even_s, 9)
    shown_s = float(analysis.times_s[last] - analysis.times_s[first])
    if even_s is not None and fps and abs(shown_s - (last - first) / fps) <= (1.1e-3 if analysis.rounded else 2e-6):
        return round(even_s, 9)
    taken_s = shown_s * taken / (last - first)
    return round(taken_s * (fps / capture_fps if capture_fps and fps else 1), 9)


def _analyzed(film: Film, cache: Path | None, show_progress: bool) -> Analysis:
    if not show_progress:
        return analyze(film, cache)
    with progress(f"look at {film.name}", film.length or 0, unit="frames") as advance:
        return analyze(film, cache, advance=advance)


def _check_sizes(films: Sequence[Film], analyses: Sequence[Analysis], recipe: SynthesisRecipe) -> None:
    rim_px = recipe.sensor.rim_px if recipe.sensor else 0
    for film, analysis in zip(films, analyses, strict=True):
        if rim_px and min(analysis.height, analysis.width) < 2 * rim_px + 3:
            msg = f"{film.place}: is {analysis.width}x{analysis.height}, too small for a rim of {rim_px} px; lower sensor.rim_px."
            raise SourceError(msg)
        if recipe.interpolation != "none" and min(analysis.height, analysis.width) < 2:
            msg = f"{film.place}: is {analysis.width}x{analysis.height}, too small to follow what moves; use --interpolation none."
            raise SourceError(msg)


def _nothing(films: Sequence[Film], analyses: Sequence[Analysis], recipe: SynthesisRecipe, counts: Counter[str]) -> str:
    """The sentence for a source without a single pair."""
    frames = sum(analysis.frames for analysis in analyses)
    name = films[0].place if len(films) == 1 else f"{films[0].place} and {len(films) - 1} more"
    least = min(recipe.windows)
    if frames < least:
        there = f"{counted(frames, 'frame')} {'is' if frames == 1 else 'are'}"
        return f"{name}: {there} fewer than one exposure of {least}; give a longer clip or a smaller window."
    reasons = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in counts.items() if count)
    return f"{name}: none of {frames} frames makes an exposure of {least} ({reasons}); give another clip or relax the recipe."
