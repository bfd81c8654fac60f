"""The doors of the package: from frames or a path and a recipe to pairs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata.color import decodable_curve
from blurdata.errors import RecipeError, SourceError
from blurdata.files import user_cache
from blurdata.pairs import Image, check_key
from blurdata.paths import user_path
from blurdata.recipe import find_recipe, parse_recipe, read_recipe
from blurdata.synthesis.find import find_films
from blurdata.synthesis.frames import ArrayFilm, Film
from blurdata.synthesis.learned import InterpolateFrames
from blurdata.synthesis.recipe import SynthesisRecipe
from blurdata.synthesis.source import FilmPairs

Frames = Sequence[Image] | NDArray[np.uint8] | NDArray[np.uint16]


def synthesize(
    frames_or_path: Frames | str | Path,
    recipe: SynthesisRecipe | Mapping[str, Any] | str | Path = "gopro",
    *,
    cache: str | Path | None = None,
    interpolator: InterpolateFrames | str | Path | None = None,
    show_progress: bool = False,
    **fields: Any,
) -> FilmPairs:
    """Blurry/sharp pairs from sharp frames.

    Args:
        frames_or_path: A list or array of (H, W, 3) uint8 or uint16 RGB frames; or the path of a video, of a folder of frames (PNG,
            JPEG, TIFF in natural order), or of a folder with such folders or videos at any depth, as ``GOPRO_Large_all`` is.
        recipe: A recipe, its fields, its name, or its path.
        cache: Folder where the analysis of each film is kept and found again; None keeps it in memory.
        interpolator: Makes the virtual frames instead of optical flow: a function of two (H, W, 3) float32 frames of code values in
            [0, 1] and a moment in (0, 1), or the path of a TorchScript file; see :mod:`blurdata.synthesis.learned`.
        show_progress: Draw the progress of the analysis on stderr.
        **fields: Recipe fields to replace.

    Returns:
        A source of pairs, in order; ``summary()`` says what was left out and why, ``shots`` which pairs share a shot.

    Raises:
        SourceError: If the frames cannot be read or are interlaced, or not one exposure fits.
        RecipeError: If the recipe is wrong.
        ValueError: If arrays are no frames of one size.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> scene = rng.integers(0, 256, (32, 64, 3), dtype=np.uint8)
        >>> frames = [np.roll(scene, 2 * i, axis=1) for i in range(6)]
        >>> pairs = synthesize(frames, {"window": 3, "variant": "blur"})
        >>> pairs.keys, pairs[0].blurry.shape, pairs[0].meta["frames"]
        (['frames_03_00/000001', 'frames_03_00/000002'], (32, 64, 3), [0, 1, 2])
    """
    if callable(interpolator):
        fields |= {"interpolation": "callable"}
    elif interpolator is not None:
        fields |= {"interpolation": "torchscript", "interpolator": str(interpolator)}
    plan = resolve(recipe, **fields)
    function = interpolator if callable(interpolator) else None
    kept = Path(cache) if cache else None
    if isinstance(frames_or_path, (str, Path)):
        return open_films([Path(frames_or_path)], plan, cache=kept, interpolate=function, show_progress=show_progress)
    return FilmPairs([ArrayFilm(frames_or_path)], plan, cache=kept, interpolate=function, show_progress=show_progress)


def open_films(
    paths: Sequence[Path],
    plan: SynthesisRecipe,
    *,
    cache: Path | None = None,
    shots: Sequence[int] | None = None,
    interpolate: InterpolateFrames | None = None,
    show_progress: bool = False,
) -> FilmPairs:
    """One source of the films at several paths, each once; films of one name are told apart by a number."""
    found: dict[Path, Film] = {}
    left_out: list[Path] = []
    for path in paths:
        films_there, others = find_films(user_path(path), color_matrix=plan.color_matrix)
        left_out += others
        for film in films_there:
            found.setdefault(Path(film.place).resolve(), film)
    films = list(found.values())
    _tell_apart(films)
    for film in films:
        try:
            check_key(film.full_name)
        except ValueError as error:
            msg = f"{film.place}: its name cannot be that of pairs, for it holds a backslash or is no UTF-8 text; rename it."
            raise SourceError(msg) from error
        if (transfer := film.notes.get("transfer")) and not user_path(plan.curve).is_file():
            msg = (
                f"{film.name}: is HDR ({str(transfer).upper()}), whose codes do not follow the curve '{plan.curve}'; "
                "convert it to SDR first (FFmpeg's zscale and tonemap), or name a table of its response as `curve`."
            )
            raise SourceError(msg)
    return FilmPairs(films, plan, cache=cache, shots=shots, interpolate=interpolate, show_progress=show_progress, left_out=left_out)


def _tell_apart(films: Sequence[Film]) -> None:
    """Number all films of one name but the first, past names that others bear of their own, for keys begin with the name."""
    taken = {film.full_name for film in films}
    met: set[str] = set()
    for film in films:
        name, number = film.name, 2
        if film.full_name in met:
            while film.full_name in taken:
                film.name, number = f"{name}~{number}", number + 1
            taken.add(film.full_name)
        met.add(film.full_name)


def resolve(recipe: SynthesisRecipe | Mapping[str, Any] | str | Path, **fields: Any) -> SynthesisRecipe:
    """The checked recipe with single fields replaced; None keeps the recipe's.

    Raises:
        RecipeError: If a field is wrong, or the curve cannot be decoded.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    if isinstance(recipe, (str, Path)):
        plan = read_recipe(recipe, SynthesisRecipe, **given)
    else:
        kept = recipe.model_dump(exclude_unset=True) if isinstance(recipe, SynthesisRecipe) else recipe
        plan = parse_recipe({**kept, **given}, SynthesisRecipe, where="recipe")
    try:
        decodable_curve(plan.curve)
    except ValueError as error:
        where = "recipe" if "curve" in given or not isinstance(recipe, (str, Path)) else find_recipe(recipe)
        msg = f"{where}: field 'curve': {error}"
        raise RecipeError(msg) from error
    return plan


def open_video(
    path: str,
    *,
    recipe: str = "gopro",
    variant: str | None = None,
    shots: str | None = None,
    window: str | None = None,
    step: str | None = None,
    interpolation: str | None = None,
    interpolator: str | None = None,
    max_blur_px: str | None = None,
    capture_fps: str | None = None,
    seed: str | None = None,
    cache: str | None = None,
) -> FilmPairs:
    """Open ``video:PATH?recipe=gopro``; all options are texts, ``shots`` is a list such as ``0,2,3``, most replace fields.

    Of a recipe that makes both variants, as ``gopro`` does, the blurry half is ``blur_gamma`` and ``blur`` lies among the extras.
    The analysis is kept in ``cache``, by default in the user's cache folder, so that worker processes do not repeat it.

    Raises:
        SourceError: If the film cannot be read, or ``shots`` is wrong.
        RecipeError: If the recipe or a field is wrong.

    Example:
        >>> import tempfile, numpy as np
        >>> from blurdata.files import write_png
        >>> folder, scene = Path(tempfile.mkdtemp()), np.random.default_rng(0).integers(0, 255, (64, 160, 3), np.uint8)
        >>> for i in range(14):  # a pan, as a folder of frames
        ...     write_png(folder / "frames" / f"{i:06d}.png", scene[:, 4 * i : 4 * i + 96])
        >>> pairs = open_video(str(folder / "frames"), window="7", step="7", cache=str(folder / "cache"))
        >>> len(pairs), pairs[0].size
        (2, (64, 96))
    """
    try:
        only = [int(shot) for shot in shots.split(",")] if shots else None
    except ValueError as error:
        msg = f"{path}: the option shots is a list of numbers such as 0,2,3, got '{shots}'."
        raise SourceError(msg) from error
    fields = {"variant": variant, "window": window, "step": step, "interpolation": interpolation, "max_blur_px": max_blur_px}
    fields |= {"capture_fps": capture_fps, "seed": seed}
    if interpolator:
        fields |= {"interpolation": "torchscript", "interpolator": str(user_path(interpolator).resolve())}
    plan = resolve(recipe, **fields)
    return open_films([Path(path)], plan, cache=Path(cache) if cache else user_cache("analysis"), shots=only)
