"""What is kept of a pair's alignment: flat JSON, from which its pictures can be made again to the same bytes."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata.alignment.captures import Capture, Lenses, load_views, to_depth
from blurdata.alignment.geometry import Float, Rectangle
from blurdata.alignment.overlay import overlay
from blurdata.alignment.recipe import AlignRecipe
from blurdata.alignment.results import Alignment, Reference
from blurdata.alignment.solve import Halves, align_moving, align_static, pictures, solve_reference
from blurdata.errors import BlurDataError
from blurdata.pairs import Pair

Record = dict[str, Any]
VERSION = 2


def align_capture(capture: Capture, recipe: AlignRecipe, lenses: Lenses, reference: Record | None) -> tuple[Record, Alignment]:
    """Align one capture; every fault of its files or pictures becomes the record's status.

    Args:
        capture: Where its files are.
        recipe: Stages and limits.
        lenses: The recipe's calibrations.
        reference: The record of the scene's reference pair; None where this is it.
    """
    try:
        aligned, known = _aligned(capture, recipe, lenses, reference)
    except BlurDataError as error:
        aligned, known = Alignment(str(error).rstrip(".")), None  # a reason is a part of other sentences
    except (ValueError, ArithmeticError, np.linalg.LinAlgError, MemoryError) as error:  # one pair must not end a run of thousands
        aligned, known = Alignment(f"cannot be aligned ({type(error).__name__}: {error})"), None
    return record_of(capture, aligned, known), aligned


def _aligned(capture: Capture, recipe: AlignRecipe, lenses: Lenses, reference: Record | None) -> tuple[Alignment, Reference | None]:
    if capture.missing:
        return Alignment(capture.missing), None
    if reference is not None and reference["status"] != "ok":
        return Alignment(f"the reference pair of the scene cannot be aligned: {reference['status']}"), None
    views = load_views(capture, recipe, lenses)
    if reference is not None:
        return align_moving(*views, known_of(reference), recipe), None
    known = solve_reference(*views, recipe)
    if isinstance(known, str):
        return Alignment(known), None
    return align_static(*views, known, recipe), known


def record_of(capture: Capture, aligned: Alignment, known: Reference | None) -> Record:
    """The numbers of an alignment."""
    record: Record = {"key": capture.key, "name": capture.name, "status": aligned.status, "reference": capture.number == 1}
    if aligned.quality is not None:
        quality = aligned.quality
        record |= {"correlation": quality.correlation, "residual_px": quality.residual_px, "quadrants_px": list(quality.quadrants_px)}
        record |= {"blur_px": quality.blur_px, "shift_px": list(quality.shift_px)}
    if aligned.homography is not None and aligned.gain is not None and aligned.offset is not None and aligned.crop is not None:
        record |= {"homography": aligned.homography.tolist(), "gain": aligned.gain.tolist(), "offset": aligned.offset.tolist()}
        record["crop"] = list(aligned.crop)
    if known is not None:
        record["scene_gain"], record["scene_offset"] = known.gain.tolist(), known.offset.tolist()
    return record


def known_of(reference: Record) -> Reference:
    """What the record of a reference pair tells of its scene."""
    return Reference(np.array(reference["homography"]), np.array(reference["scene_gain"]), np.array(reference["scene_offset"]))


def _opened(capture: Capture, record: Record, recipe: AlignRecipe, lenses: Lenses) -> tuple[Halves, Float, Float, Float, Rectangle]:
    """The views of a pair that was aligned before, with homography, gain, offset and crop from its record."""
    halves = Halves(*load_views(capture, recipe, lenses), recipe)
    top, left, bottom, right = record["crop"]
    homography, gain, offset = (np.array(record[name]) for name in ("homography", "gain", "offset"))
    return halves, homography, gain, offset, (top, left, bottom, right)


def pair_of(capture: Capture, record: Record, recipe: AlignRecipe, lenses: Lenses) -> Pair:
    """The pair itself, from its files and its record alone."""
    blurry, sharp = (to_depth(half, recipe.bits) for half in pictures(*_opened(capture, record, recipe, lenses)))
    meta = {
        "source": "align",
        "scene": capture.scene,
        "sequence": capture.scene,
        "position": capture.number - 1,
        "reference": record["reference"],
        "curve": recipe.curve,
        "homography": [value for row in record["homography"] for value in row],
        "crop": record["crop"],
        "gain": record["gain"],
        "offset": record["offset"],
        "correlation": record["correlation"],
        "residual_px": record["residual_px"],
        "blur_px_mean": record["blur_px"],
    }
    return Pair(capture.key, blurry, sharp, meta)


def content_of(capture: Capture) -> str:
    """Hash of both files' contents; a missing one counts as empty."""
    total = hashlib.blake2b(digest_size=16)
    for path in (capture.blurry, capture.sharp):
        total.update(b"\x00" if path is None else b"\x01" + hashlib.blake2b(_bytes(path), digest_size=16).digest())
    return total.hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # reading it again tells what is wrong


def counts_of(records: Mapping[str, Record]) -> dict[str, int]:
    """How many captures there are, how many of them are pairs, and how many were refused."""
    kept = sum(record["status"] == "ok" for record in records.values())
    return {"captures": len(records), "pairs": kept, "refused": len(records) - kept}


def overlay_of(capture: Capture, record: Record, recipe: AlignRecipe, lenses: Lenses) -> NDArray[np.uint8]:
    """The overlay picture of a pair that was aligned."""
    halves, homography, gain, offset, crop = _opened(capture, record, recipe, lenses)
    blurry, after = pictures(halves, homography, gain, offset, crop)
    _, before = pictures(halves, np.eye(3), gain, offset, crop)
    return overlay(blurry, before, after)
