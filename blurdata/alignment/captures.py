"""Where does a capture folder keep its pairs, and how is one read: scenes of two cameras' files, pictures or raw."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blurdata.alignment.camera import View
from blurdata.alignment.lens import Lens, read_lens
from blurdata.alignment.raw import RAW_SUFFIXES, denoised, read_raw
from blurdata.alignment.recipe import AlignRecipe
from blurdata.errors import SourceError
from blurdata.files import IMAGE_SUFFIXES, natural_key, read_image
from blurdata.pairs import Image, eight_bits
from blurdata.paths import user_path


@dataclass(frozen=True)
class Capture:
    """One pair on disk.

    Args:
        scene: Name of its scene in the set: ``sceneNNN``.
        number: K, from 1; 1 is the static reference.
        name: What both files share.
        blurry: The blurry camera's file, or None where it is missing.
        sharp: The sharp camera's.
    """

    scene: str
    number: int
    name: str
    blurry: Path | None
    sharp: Path | None

    @property
    def key(self) -> str:
        """``sceneNNN/K``, as RealBlur's pairs are called."""
        return f"{self.scene}/{self.number}"

    @property
    def missing(self) -> str | None:
        """Why there is no pair, or None."""
        half = "blurry" if self.blurry is None else "sharp" if self.sharp is None else None
        return half and f"there is no {half} picture for '{self.name}'"


def find_captures(root: Path, recipe: AlignRecipe) -> dict[str, list[Capture]]:
    """The pairs of every scene below ``root``, in natural order, by the name of the scene in the set.

    Scenes whose folders carry one number each keep it (``scene183``, ``183_shop``); otherwise they are numbered from 1.

    Raises:
        SourceError: If there is no folder, or no picture where the recipe says.
    """
    if not root.is_dir():
        msg = f"{root}: there is no such folder of captures."
        raise SourceError(msg)
    folders = sorted(
        (path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")), key=lambda p: natural_key(p.name)
    )
    found = {folder: names for folder in [root, *folders] if (names := _paired(folder, recipe))}
    if not found:
        msg = (
            f"{root}: holds no {'raw files' if recipe.raw else 'pictures'} at SCENE/{recipe.blurry}.* and SCENE/{recipe.sharp}.*; "
            "set the fields 'blurry' and 'sharp' of the recipe to where the two cameras' files are."
        )
        raise SourceError(msg)
    named = zip(_scene_names([folder.name for folder in found]), found.values(), strict=True)
    return {scene: [Capture(scene, k, name, *halves) for k, (name, halves) in enumerate(names.items(), 1)] for scene, names in named}


def _paired(folder: Path, recipe: AlignRecipe) -> dict[str, tuple[Path | None, Path | None]]:
    blurry, sharp = (
        _matching(folder, pattern, RAW_SUFFIXES if recipe.raw else IMAGE_SUFFIXES) for pattern in (recipe.blurry, recipe.sharp)
    )
    return {name: (blurry.get(name), sharp.get(name)) for name in sorted({*blurry, *sharp}, key=natural_key)}


def _matching(folder: Path, pattern: str, suffixes: Sequence[str]) -> dict[str, Path]:
    """Files by what stands for ``{name}``."""
    inside, _, last = pattern.rpartition("/")
    before, _, after = last.partition("{name}")
    place = folder / inside
    names = re.compile(re.escape(before) + "(.+)" + re.escape(after))
    if not place.is_dir():
        return {}
    found: dict[str, Path] = {}
    for path in sorted(place.iterdir()):
        match = names.fullmatch(path.stem)
        if match and path.suffix.lower() in suffixes and not path.name.startswith("."):
            if match[1] in found:
                msg = f"{path}: stands for the same '{match[1]}' as {found[match[1]].name}; keep one of the two."
                raise SourceError(msg)
            found[match[1]] = path
    return found


def _scene_names(folders: Sequence[str]) -> list[str]:
    numbers = [re.findall(r"\d+", name) for name in folders]
    own = [int(found[0]) for found in numbers if len(found) == 1]
    chosen = own if len(set(own)) == len(folders) else range(1, len(folders) + 1)
    return [f"scene{number:03d}" for number in chosen]


@dataclass(frozen=True)
class Lenses:
    """The two cameras' lenses."""

    blurry: Lens | None = None
    sharp: Lens | None = None


def read_lenses(recipe: AlignRecipe) -> Lenses:
    """The calibrations that a recipe names."""
    if not recipe.undistort:
        return Lenses()
    paths = (recipe.lens_blurry, recipe.lens_sharp)
    return Lenses(*(read_lens(user_path(path)) if path else None for path in paths))


def load_views(capture: Capture, recipe: AlignRecipe, lenses: Lenses) -> tuple[View, View]:
    """Both halves of a pair as the aligner sees them.

    Raises:
        SourceError: If a file is missing or cannot be read, or the crop or calibration does not fit it.
    """
    if capture.blurry is None or capture.sharp is None:
        raise SourceError(capture.missing)
    blurry, sharp = _read(capture.blurry, recipe), _read(capture.sharp, recipe)
    if recipe.denoise == "nlm":
        sharp = denoised(sharp, recipe.curve)
    return (
        _view(capture.blurry, blurry, lenses.blurry, recipe, flip=recipe.flip_blurry),
        _view(capture.sharp, sharp, lenses.sharp, recipe, flip=recipe.flip_sharp),
    )


def _read(path: Path, recipe: AlignRecipe) -> Image:
    return read_raw(path) if recipe.raw else read_image(path)


def _view(path: Path, picture: Image, lens: Lens | None, recipe: AlignRecipe, *, flip: bool) -> View:
    height, width = picture.shape[:2]
    if recipe.crop is not None and (recipe.crop[2] > height or recipe.crop[3] > width):
        msg = f"{path}: is {width}x{height} px, smaller than the recipe's crop {list(recipe.crop)}; set the field 'crop'."
        raise SourceError(msg)
    if lens is not None and lens.size != (height, width):
        msg = f"{path}: is {width}x{height} px, but its lens was calibrated at {lens.size[1]}x{lens.size[0]}; calibrate at this size."
        raise SourceError(msg)
    return View(picture, lens=lens, flip=flip, crop=recipe.crop, scale=recipe.scale)


def to_depth(picture: Image, bits: int) -> Image:
    """The picture at 8 or 16 bits; 257 16-bit codes are one 8-bit code."""
    if bits == 8:
        return eight_bits(picture)
    return picture.astype(np.uint16) * np.uint16(257) if picture.dtype == np.uint8 else picture
