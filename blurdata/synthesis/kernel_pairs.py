"""Kernel-blurred pairs: a sharp picture, a centred PSF, noise: ``b = k * I + n`` in linear light.

The classic recipe of GoPro_U (RSBlur) and BSD_B_Centroid (RealBlur): several PSFs a picture, each centred on its centroid so that
blurry and sharp are aligned; the blur of the clipped places ``[I == 1] * k`` brings back light above white; the camera adds noise.
Everything is a function of the picture, the recipe and the pair's key.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from blurdata import psf
from blurdata.color import curve, decodable_curve, with_tables
from blurdata.convolution import convolve
from blurdata.errors import RecipeError, SourceError
from blurdata.files import UNREAD_SUFFIXES, fingerprint_files, image_bytes, image_size, read_image
from blurdata.naming import BLURRY_WORDS, count_unread, counted, some, walk_images
from blurdata.pairs import Image, Pair, PairSource
from blurdata.recipe import FileName, Recipe, as_range, read_recipe
from blurdata.sensor import Sensor, photograph, saturation_mask
from blurdata.synthesis.windows import generator

_Px = Annotated[float, Field(ge=0, le=512)]


class KernelRecipe(Recipe):
    """How sharp pictures become kernel-blurred pairs; the fields of ``recipes/gopro_u.yaml`` and ``recipes/bsd_centroid.yaml``.

    Args:
        kernels_per_picture: PSFs drawn for each picture.
        kind: ``shake`` (random camera shake), ``motion`` (straight, any direction) or ``defocus`` (disk).
        extent_px: Range of the longer side of the PSF's path, its length, or the disk's diameter, in pixels.
        curve: How code values of the pictures relate to light.
        saturation_code: Smallest clipped code of 8 bits; places at or above it may have been brighter than white.
        border: What lies beyond the edge: ``reflect``, ``replicate`` or ``constant``.
        sensor: What the camera adds.
        seed: Every random choice follows from this and the pair's key.
    """

    kernels_per_picture: Annotated[int, Field(ge=1, le=10_000)] = 10
    kind: Literal["shake", "motion", "defocus"] = "shake"
    extent_px: Annotated[tuple[_Px, _Px], BeforeValidator(as_range)] = (5.0, 45.0)
    curve: FileName = "srgb"
    saturation_code: Annotated[int, Field(ge=1, le=255)] = 255
    border: Literal["reflect", "replicate", "constant"] = "reflect"
    sensor: Sensor = Sensor()
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.extent_px[0] > self.extent_px[1]:
            msg = "extent_px must be a range from low to high"
            raise ValueError(msg)
        decodable_curve(self.curve)
        return self


def open_convolve(
    path: str,
    *,
    recipe: str = "gopro_u",
    kernels_per_picture: str | None = None,
    seed: str | None = None,
) -> "KernelPairs":
    """Open ``convolve:FOLDER?recipe=gopro_u``; all options are texts.

    Raises:
        SourceError: If the folder holds no pictures, or one is too small.
        RecipeError: If the recipe or an option is wrong.

    Example:
        >>> import tempfile
        >>> from blurdata.files import write_png
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_png(folder / "shop.png", np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8))
        >>> pairs = open_convolve(str(folder), kernels_per_picture="2")
        >>> len(pairs), pairs[0].blurry.dtype
        (2, dtype('uint8'))
    """
    try:
        given = {"kernels_per_picture": kernels_per_picture, "seed": seed}
        numbers = {name: int(text) for name, text in given.items() if text}
    except ValueError as error:
        msg = f"{path}: the options kernels_per_picture and seed are whole numbers ({error})."
        raise SourceError(msg) from error
    return KernelPairs(Path(path), read_recipe(recipe, KernelRecipe, **numbers))


class KernelPairs(PairSource):
    """Every picture of a folder, blurred by several PSFs; a pair's ``extras`` hold its ``psf``.

    Pictures in folders named ``blur``, ``blurry``, ``input`` … are left out, so that the root of a set of pairs can be given; they are
    counted, and so are pictures of kinds that are not read.

    Args:
        folder: Sharp pictures, at any depth.
        recipe: How they are blurred.

    Raises:
        SourceError: If there are no pictures, or one is smaller than the sensor's rim allows.
    """

    def __init__(self, folder: Path, recipe: KernelRecipe) -> None:
        self._folder, self._recipe = folder, recipe
        self.recipe: Mapping[str, Any] = {"source": "convolve", **with_tables(recipe.resolved())}
        found = walk_images(folder)
        self._paths = [path for path in found if not _is_blurry(path.relative_to(folder))]
        self._left_out = [path for path in found if _is_blurry(path.relative_to(folder))]
        self._unread = count_unread(folder)
        if not self._paths:
            msg = f"{folder}: holds no sharp pictures; give a folder of PNG, JPEG or TIFF pictures."
            raise SourceError(msg)
        for path in self._paths:
            _check_size(path, recipe.sensor.rim_px)
        self._names = _unique_names(self._paths, folder)

    @cached_property
    def keys(self) -> Sequence[str]:
        """``<picture>_kernel_<number>``, as the published sets name them."""
        digits = len(str(self._recipe.kernels_per_picture))
        return [f"{name}_kernel_{k:0{digits}}" for name in self._names for k in range(1, self._recipe.kernels_per_picture + 1)]

    def __len__(self) -> int:
        return len(self._paths) * self._recipe.kernels_per_picture

    def __getitem__(self, index: int) -> Pair:
        """One pair."""
        place = range(len(self))[index]
        return next(self.pairs(place, place + 1))

    def pairs(self, start: int = 0, stop: int | None = None) -> Iterator[Pair]:
        """Pairs in order; each picture is decoded once."""
        opened, picture = -1, None
        for place in range(len(self))[start:stop]:
            number, kernel = divmod(place, self._recipe.kernels_per_picture)
            if picture is None or number != opened:
                opened, picture = number, read_image(self._paths[number])
            yield self._make(self.keys[place], picture, self._paths[number], kernel + 1)

    def _make(self, key: str, picture: Image, path: Path, kernel: int) -> Pair:
        recipe = self._recipe
        point, extent_px = draw_psf(recipe, generator(recipe.seed, f"{key}/psf"))
        try:
            blurry, sharp, shot = blur_picture(picture, point, recipe, generator(recipe.seed, f"{key}/sensor"))
        except ValueError as error:
            msg = f"{path}: cannot be blurred by recipe field 'extent_px' or 'sensor' as set: {error}"
            raise RecipeError(msg) from error
        meta = {
            "source": self._folder.name,
            "split": _split(path.relative_to(self._folder)),
            "scene": key.rpartition("_kernel_")[0],
            "picture": path.relative_to(self._folder).as_posix(),
            "kernel": kernel,
            "kind": recipe.kind,
            "curve": recipe.curve,
            "seed": recipe.seed,
            "blur_px_mean": extent_px,
            "blur_px_p95": extent_px,
            "blur_px_max": extent_px,
            **shot,
        }
        return Pair(key, blurry, sharp, meta, {"psf": point})

    def nbytes(self, index: int) -> int:
        """Raw bytes of both halves, from the picture's header."""
        path = self._paths[range(len(self))[index] // self._recipe.kernels_per_picture]
        (height, width), rim = image_size(path), 2 * self._recipe.sensor.rim_px
        return 2 * image_bytes(path) * (height - rim) * (width - rim) // (height * width)

    def fingerprint(self) -> str:
        """Hash over names and contents of the pictures."""
        return fingerprint_files(self._paths, root=self._folder)

    def summary(self) -> Mapping[str, Any]:
        """Counts of pairs and pictures, and of pictures left out: their folder says that they are blurry, or they are not read."""
        return {
            "pairs": len(self),
            "pictures": len(self._paths),
            "pictures_in_blurry_folders": len(self._left_out),
            "pictures_of_unread_kinds": self._unread,
        }

    def remarks(self) -> Sequence[str]:
        """Which pictures were left out, and why."""
        told = []
        if self._left_out:
            folders = dict.fromkeys(str(path.parent) for path in self._left_out)
            told.append(f"{counted(len(self._left_out), 'picture')} left out, blurry by the name of the folder: {some(folders, limit=3)}")
        if self._unread:
            told.append(f"{counted(self._unread, 'picture')} left out, of kinds that are not read ({', '.join(UNREAD_SUFFIXES)})")
        return told


def draw_psf(recipe: KernelRecipe, rng: np.random.Generator) -> tuple[NDArray[np.float32], float]:
    """A centred PSF and its extent in pixels.

    Example:
        >>> point, extent_px = draw_psf(KernelRecipe(extent_px=9, kind="motion"), np.random.default_rng(0))
        >>> extent_px, bool(abs(point.sum() - 1) < 1e-5)
        (9.0, True)
    """
    extent_px = float(rng.uniform(*recipe.extent_px))
    if recipe.kind == "shake":
        return psf.shake(extent_px, rng=rng), extent_px
    if recipe.kind == "motion":
        return psf.motion(extent_px, float(rng.uniform(0, 180))), extent_px
    return psf.disk(extent_px / 2), extent_px


def blur_picture(
    picture: Image, point: NDArray[np.floating], recipe: KernelRecipe, rng: np.random.Generator
) -> tuple[Image, Image, dict[str, Any]]:
    """Blurry and sharp picture as the camera stores them, and what was drawn.

    Args:
        picture: (H, W, 3) uint8 or uint16, sharp.
        point: (K, L) the PSF.
        recipe: Curve, border, sensor.
        rng: Source of the sensor's draws.
    """
    bits = 8 * picture.itemsize
    light = curve(recipe.curve).light_of(picture)
    clipped = saturation_mask(picture, code=recipe.saturation_code)
    blurry = convolve(light, point, curve="linear", border=recipe.border)
    mask = np.clip(convolve(clipped, point, curve="linear", border=recipe.border), 0, 1) if clipped.any() else clipped
    shot = photograph(blurry, light, sensor=recipe.sensor, rng=rng, mask=mask, source_curve=recipe.curve, bits=bits)
    return shot.blurry, shot.sharp, shot.meta


def _is_blurry(relative: Path) -> bool:
    return any(part.lower() in BLURRY_WORDS for part in relative.parts[:-1])


def _split(relative: Path) -> str:
    return next((part for part in relative.parts[:-1] if part in ("train", "val", "test")), "")


def _check_size(path: Path, rim_px: int) -> None:
    height, width = image_size(path)
    if min(height, width) < 2 * rim_px + 3:
        msg = f"{path}: is {width}x{height}, too small for a rim of {rim_px} px; leave it out or lower sensor.rim_px."
        raise SourceError(msg)


def _unique_names(paths: Sequence[Path], folder: Path) -> list[str]:
    """Names without suffix; with it, where two pictures differ in nothing else."""
    stems = [path.relative_to(folder).with_suffix("").as_posix() for path in paths]
    count = Counter(stems)
    return [path.relative_to(folder).as_posix() if count[stem] > 1 else stem for path, stem in zip(paths, stems, strict=True)]
