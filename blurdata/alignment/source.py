"""Captures of two cameras as a :class:`PairSource`: aligned once, the numbers kept, pictures made when they are asked for."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from blurdata.alignment.captures import find_captures, read_lenses
from blurdata.alignment.recipe import AlignRecipe
from blurdata.alignment.records import content_of, counts_of, pair_of
from blurdata.alignment.run import align_all
from blurdata.color import decodable_curve, with_tables
from blurdata.errors import RecipeError, SourceError
from blurdata.files import user_cache
from blurdata.pairs import Pair, PairSource
from blurdata.progress import progress
from blurdata.recipe import read_recipe


class CapturePairs(PairSource):
    """The pairs of a folder of captures that can be aligned; ``summary()`` counts the others.

    Args:
        root: Folder of scenes.
        recipe: How they are aligned.
        cache: Folder where the numbers are kept and found again; None keeps them in memory.
        workers: Processes of the first pass.

    Raises:
        SourceError: If there are no captures, or not one pair can be aligned.
    """

    def __init__(self, root: Path, recipe: AlignRecipe, *, cache: Path | None = None, workers: int = 1) -> None:
        self._plan = recipe
        self.recipe: Mapping[str, Any] = with_tables(recipe.resolved())
        self._lenses = read_lenses(recipe)
        scenes = find_captures(root, recipe)
        self._captures = {capture.key: capture for scene in scenes.values() for capture in scene}
        kept = cache / f"{hashlib.blake2b(str(root).encode(), digest_size=8).hexdigest()}-{recipe.id}" if cache else None
        with progress("align", len(self._captures)) as advance:
            self._records = align_all(scenes, recipe, self._lenses, kept=kept, out=None, workers=workers, advance=advance)
        if not self.keys:
            first = next(iter(self._records.values()))
            msg = f"{root}: not one of {len(self._records)} pairs can be aligned; the first: {first['status']}."
            raise SourceError(msg)

    @cached_property
    def keys(self) -> Sequence[str]:
        """``sceneNNN/K`` of the pairs that were aligned."""
        return [key for key, record in self._records.items() if record["status"] == "ok"]

    @property
    def refused(self) -> Mapping[str, str]:
        """Key and reason of the captures that are no pairs."""
        return {key: record["status"] for key, record in self._records.items() if record["status"] != "ok"}

    def __getitem__(self, index: int) -> Pair:
        """The pair at ``index``, warped once from its files."""
        key = self.keys[index]
        return pair_of(self._captures[key], self._records[key], self._plan, self._lenses)

    def nbytes(self, index: int) -> int:
        """Raw bytes of both halves, known from the crop."""
        top, left, bottom, right = self._records[self.keys[index]]["crop"]
        return int((bottom - top) * (right - left) * 3 * 2 * self._plan.bits // 8)

    def fingerprint(self) -> str:
        """Hash over the names and contents of all files."""
        total = hashlib.blake2b(digest_size=16)
        for key, capture in self._captures.items():
            total.update(f"{key}\x00{content_of(capture)}\x00".encode())
        return total.hexdigest()

    def summary(self) -> Mapping[str, Any]:
        """How many captures there are, how many are pairs, and why the first others are not."""
        told = [f"{key}: {reason}" for key, reason in self.refused.items()]
        return {**counts_of(self._records), "reasons": told[:20]}


def open_captures(path: str, *, recipe: str = "realblur_j", workers: str | None = None, cache: str | None = None) -> CapturePairs:
    """Open ``align:PATH?recipe=realblur_j``; the alignment is kept in ``cache``, by default in the user's cache folder.

    Raises:
        SourceError: If there are no captures, not one can be aligned, or an option is wrong.
        RecipeError: If the recipe is wrong.

    Example:
        >>> import tempfile, cv2, numpy as np
        >>> from blurdata.files import write_png
        >>> scene = cv2.resize(np.random.default_rng(0).integers(0, 255, (40, 52, 3), np.uint8), (416, 320), interpolation=cv2.INTER_CUBIC)
        >>> root = Path(tempfile.mkdtemp())
        >>> for name, right in (("1", scene), ("2", cv2.blur(scene, (9, 1)))):
        ...     write_png(root / "captures/shop/left" / f"{name}.png", scene[:, ::-1])
        ...     write_png(root / "captures/shop/right" / f"{name}.png", np.roll(right, (2, 3), (0, 1)))
        >>> _ = (root / "small.yaml").write_text("{kind: align, crop: null, scale: 1}")
        >>> pairs = open_captures(str(root / "captures"), recipe=str(root / "small.yaml"), cache=str(root / "cache"))
        >>> pairs.keys
        ['scene001/1', 'scene001/2']
    """
    if workers is not None and not (workers.isascii() and workers.isdigit() and int(workers) > 0):
        msg = f"{path}: the option workers is a number from 1, got '{workers}'."
        raise SourceError(msg)
    count = int(workers) if workers else 1
    return CapturePairs(Path(path), read_align_recipe(recipe), cache=Path(cache) if cache else user_cache("alignment"), workers=count)


def read_align_recipe(name: str | Path) -> AlignRecipe:
    """A recipe of an alignment by name or path, its curve checked.

    Raises:
        RecipeError: If it is wrong.
    """
    recipe = read_recipe(name, AlignRecipe)
    try:
        decodable_curve(recipe.curve)
    except ValueError as error:
        msg = f"{name}: field 'curve': {error}"
        raise RecipeError(msg) from error
    return recipe
