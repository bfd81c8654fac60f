"""How do two cameras' pictures become a pair: the public doors, for one pair and for a scene of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata.alignment.camera import View
from blurdata.alignment.geometry import normalized
from blurdata.alignment.recipe import AlignRecipe
from blurdata.alignment.results import Alignment, Reference
from blurdata.alignment.solve import align_moving, align_static, solve_reference
from blurdata.pairs import Image, not_rgb


def align_pair(
    blurry: Image,
    sharp: Image,
    reference: Alignment | Reference | tuple[Image, Image] | NDArray[np.floating] | None = None,
    *,
    recipe: AlignRecipe | None = None,
) -> Alignment:
    """Align the sharp picture of one pair to its blurry one.

    Args:
        blurry: (H, W, 3) uint8 or uint16, RGB, undistorted.
        sharp: Same shape and dtype.
        reference: How the cameras stand to each other: the alignment of a static pair, its (blurry, sharp) pictures, or a 3x3
            homography from sharp to blurry. With None the homography is found from this pair itself, kernel and homography in
            turn, to about a tenth of a pixel instead of some hundredths.
        recipe: Stages, limits and curve; RealBlur's by default.

    Returns:
        The alignment; a pair that cannot be aligned says why in ``status``, never by an exception.

    Raises:
        TypeError: If the pictures are no RGB arrays of one dtype, or the reference is none of these.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> scene = np.kron(rng.integers(20, 236, (24, 24, 3)), np.ones((8, 8, 1))).astype(np.uint8)
        >>> a = align_pair(scene[:180, :180], scene[4:184, 6:186], reference=np.eye(3))
        >>> a.status, a.homography[:2, 2].round(1).tolist()
        ('ok', [6.0, 4.0])
    """
    recipe = recipe or AlignRecipe()
    _check_picture("blurry", blurry)
    _check_picture("sharp", sharp)
    if blurry.dtype != sharp.dtype:
        msg = f"blurry and sharp must have one dtype, got {blurry.dtype} and {sharp.dtype}."
        raise TypeError(msg)
    known = _known(reference, recipe)
    if isinstance(known, str):
        return Alignment(f"the reference pair cannot be aligned: {known}")
    return align_moving(View(blurry), View(sharp), known, recipe)


def align_scene(blurries: Sequence[Image], sharps: Sequence[Image], *, recipe: AlignRecipe | None = None) -> list[Alignment]:
    """Align the pairs of one scene, of which pair 0 is the static reference.

    Args:
        blurries: (H, W, 3) uint8 or uint16 each, RGB, undistorted.
        sharps: As many.
        recipe: Stages, limits and curve; RealBlur's by default.

    Returns:
        One alignment a pair. If the reference cannot be aligned no other pair can, and each says so.

    Raises:
        ValueError: If there are not as many sharp pictures as blurry ones.
        TypeError: If one is no RGB picture.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> scene = np.kron(rng.integers(20, 236, (24, 24, 3)), np.ones((8, 8, 1))).astype(np.uint8)
        >>> blurries, sharps = [scene[:180, :180]] * 2, [scene[2:182, 3:183], scene[4:184, 6:186]]
        >>> [a.homography[:2, 2].round(1).tolist() for a in align_scene(blurries, sharps)]
        [[3.0, 2.0], [6.0, 4.0]]
    """
    if len(blurries) != len(sharps):
        msg = f"A scene needs as many sharp pictures as blurry ones, got {len(sharps)} and {len(blurries)}."
        raise ValueError(msg)
    for index, (blurry, sharp) in enumerate(zip(blurries, sharps, strict=True)):
        _check_picture(f"blurries[{index}]", blurry)
        _check_picture(f"sharps[{index}]", sharp)
    if not len(blurries):
        return []
    recipe = recipe or AlignRecipe()
    views = [(View(blurry), View(sharp)) for blurry, sharp in zip(blurries, sharps, strict=True)]
    known = solve_reference(*views[0], recipe)
    first = Alignment(known) if isinstance(known, str) else align_static(*views[0], known, recipe)
    if isinstance(known, str) or not first.ok:
        reason = f"the reference pair of the scene cannot be aligned: {first.status}"
        return [first, *(Alignment(reason) for _ in views[1:])]
    return [first, *(align_moving(*pair, known, recipe) for pair in views[1:])]


def _known(reference: Any, recipe: AlignRecipe) -> Reference | str | None:
    if reference is None or isinstance(reference, Reference):
        return reference
    if isinstance(reference, Alignment):
        if reference.homography is None or reference.gain is None or reference.offset is None:
            return reference.status
        return Reference(reference.homography, reference.gain, reference.offset)
    if isinstance(reference, tuple) and len(reference) == 2:
        _check_picture("reference[0]", reference[0])
        _check_picture("reference[1]", reference[1])
        return solve_reference(View(reference[0]), View(reference[1]), recipe)
    if isinstance(reference, np.ndarray) and reference.shape == (3, 3) and np.isfinite(reference).all():
        return Reference(normalized(reference.astype(np.float64)), np.ones(3), np.zeros(3))
    msg = f"reference must be an Alignment, a (blurry, sharp) tuple of pictures or a finite 3x3 homography, got {type(reference).__name__}."
    raise TypeError(msg)


def _check_picture(name: str, picture: Any) -> None:
    if why := not_rgb(picture):
        msg = f"{name} {why}"
        raise TypeError(msg)
