"""In what order are the stages run: from two views of a pair, and what is known of its scene, to an alignment.

Reference homography -> shift of this pair -> judgement -> one cubic warp from the original -> crop -> gain and offset.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from blurdata.alignment import photometric
from blurdata.alignment.camera import View
from blurdata.alignment.drift import Drift
from blurdata.alignment.geometry import Float, Float32, Rectangle, apply, common_rectangle, corners, inverse, normalized, translation
from blurdata.alignment.kernel import blur_length, centred, centroid
from blurdata.alignment.light import Light
from blurdata.alignment.published import published_shift
from blurdata.alignment.recipe import AlignRecipe
from blurdata.alignment.reference import find_homography
from blurdata.alignment.results import Alignment, Quality, Reference
from blurdata.alignment.shift import NOTHING, Shifted, accurate_shift
from blurdata.pairs import Image

_SMALLEST = 32  # px: a smaller common rectangle is no picture
_ROUNDS = 8  # of kernel and homography in turn, where no static reference fixes the latter
_SETTLED_PX = 0.05
_POLISHED, _STATIC_SIGMA_PX = 2, 1.5
_QUADRANT_PX = 0.15  # a quadrant whose shift is known less well shows almost nothing and has no vote


class Halves:
    """The two views of a pair; what is read of the blurry one is read once."""

    def __init__(self, blurry: View, sharp: View, recipe: AlignRecipe) -> None:
        self.view, self.sharp, self.recipe = blurry, sharp, recipe
        self.light = Light(recipe.curve, blurry.full)
        self.codes, self.inside = blurry.codes(np.eye(3))
        self._lit: tuple[Reference, Float32] | None = None
        self._trusted = self.light.trusted(self.codes) * self.inside[..., None]

    def lit(self, known: Reference) -> Float32:
        """Linear light of the blurry picture as the sharp camera would have recorded it."""
        if self._lit is None or self._lit[0] is not known:
            self._lit = known, self.light.decode((self.codes - known.offset) / known.gain)
        return self._lit[1]

    def moved(self, homography: Float) -> tuple[Float32, Float32]:
        """Linear light of the sharp picture under a homography, and the weights of the blurry one there."""
        codes, inside = self.sharp.codes(inverse(homography))
        return self.light.decode(codes), self._trusted * inside[..., None]


def mismatch(blurry: View, sharp: View) -> str | None:
    """Why the two pictures cannot be a pair at all, or None."""
    sizes = [f"{view.size[1]}x{view.size[0]}" for view in (blurry, sharp)]
    if blurry.size != sharp.size:
        return f"blurry is {sizes[0]} px and sharp {sizes[1]}: the two cameras' pictures must have one size"
    if min(blurry.size) < 2 * _SMALLEST:
        return f"the pictures are {sizes[0]} px, too few to align"
    if blurry.full != sharp.full:
        return "blurry and sharp have different bit depths"
    return None


def solve_reference(blurry: View, sharp: View, recipe: AlignRecipe, *, min_correlation: float | None = None) -> Reference | str:
    """Homography, gain and offset of a static pair, or the reason why there are none."""
    reason = mismatch(blurry, sharp)
    if reason:
        return reason
    least = recipe.min_correlation if min_correlation is None else min_correlation
    halves = Halves(blurry, sharp, recipe)
    if recipe.reference == "none":
        return _matched(halves, np.eye(3))
    found = find_homography(halves.codes.mean(2), sharp.codes(np.eye(3))[0].mean(2), halves.inside > 0.5)
    if found is None:
        return "ECC finds no homography between the two pictures: they show nothing in common, or nothing at all"
    homography, correlation = found
    if correlation < least:
        return f"the two pictures correlate by {correlation:.2f} only, below {least:g}: they do not show the same"
    known = _matched(halves, homography)
    for _ in range(_POLISHED):  # in light, without the clipped samples, three channels: a quarter of ECC's error
        step = Drift(halves.lit(known), *halves.moved(known.homography), sigma_px=_STATIC_SIGMA_PX).homography()
        if step is None or np.abs(apply(step, corners(blurry.size)) - corners(blurry.size)).max() > 1:
            return known  # blurred or clipped: ECC's is better than none
        known = _matched(halves, normalized(step @ known.homography))
    return known


def _matched(halves: Halves, homography: Float) -> Reference:
    codes, inside = halves.sharp.codes(inverse(homography))
    return Reference(homography, *photometric.robust(halves.codes, codes, halves.inside * inside, np.ones((1, 1)), halves.light))


def align_static(blurry: View, sharp: View, known: Reference, recipe: AlignRecipe) -> Alignment:
    """A pair taken as static: the reference itself, by its own homography."""
    reason = mismatch(blurry, sharp)
    if reason:
        return Alignment(reason)
    halves = Halves(blurry, sharp, recipe)
    light, weights = halves.moved(known.homography)
    blur = Drift(halves.lit(known), light, weights).blur_px()
    if blur is not None and blur > recipe.max_reference_blur_px:
        return Alignment(f"the pair is blurred by {blur:.1f} px, over {recipe.max_reference_blur_px:g}: it is no static reference")
    return _judged(halves, known, known.homography, Shifted(np.zeros(2), np.ones((1, 1)), light, weights, np.zeros(2), np.zeros(2)))


def align_moving(blurry: View, sharp: View, known: Reference | None, recipe: AlignRecipe) -> Alignment:
    """A pair with blur, in a scene whose reference is known, or of none."""
    reason = mismatch(blurry, sharp)
    if reason:
        return Alignment(reason)
    halves = Halves(blurry, sharp, recipe)
    if known is None:
        start = solve_reference(blurry, sharp, recipe, min_correlation=0.3)
        start = start if isinstance(start, str) else _settled(halves, start)
        if isinstance(start, str):
            return Alignment(start)
        known = start
    found = _shifted(halves, known)
    if isinstance(found, str):
        return Alignment(found)
    if recipe.shift == "none":  # judged where it lies: its kernel stays off centre
        return _judged(halves, known, known.homography, replace(found, kernel=centred(found.kernel)))
    homography = normalized(translation(*found.shift) @ known.homography)
    if recipe.shift == "published":
        homography = published_shift(blurry, sharp, known.homography, limit_px=recipe.limit_px)
    return _judged(halves, known, homography, found)


def _shifted(halves: Halves, known: Reference) -> Shifted | str:
    return accurate_shift(
        halves.lit(known),
        lambda shift: halves.moved(translation(*shift) @ known.homography),
        limit_px=halves.recipe.limit_px,
        kernel_px=halves.recipe.kernel_px,
    )


def _settled(halves: Halves, known: Reference) -> Reference | str:
    """Homography and kernel found in turn from one blurred pair, until the homography stays where it is."""
    for _ in range(_ROUNDS):
        found = _shifted(halves, known)
        if isinstance(found, str):
            return found
        step = Drift(halves.lit(known), found.predicted, found.weights).homography()
        if step is None:
            return NOTHING
        # the drift was read where the kernel's centroid was not central yet
        homography = normalized(translation(*centroid(found.kernel)) @ step @ translation(*found.before) @ known.homography)
        s, inside = halves.sharp.codes(inverse(homography))
        light = photometric.robust(
            halves.codes, s, halves.inside * inside, centred(found.kernel), halves.light, start=(known.gain, known.offset)
        )
        moved = np.abs(apply(step, np.zeros((1, 2))) - found.rest).max()
        known = replace(known, homography=homography, gain=light[0], offset=light[1])
        if moved < _SETTLED_PX:
            break
    return known


def _judged(halves: Halves, known: Reference, homography: Float, found: Shifted) -> Alignment:
    """The finished pair, or why it is none."""
    recipe = halves.recipe
    quality = _quality(halves, known, homography, found)
    if quality is None:
        return Alignment(NOTHING)
    if quality.correlation < recipe.min_correlation:
        reason = f"blurry and blurred sharp picture correlate by {quality.correlation:.2f} only, below {recipe.min_correlation:g}"
        return Alignment(f"{reason}: they do not show the same", quality=quality)
    if quality.residual_px > recipe.max_residual_px:
        reason = f"the quadrants disagree by {quality.residual_px:.2f} px, over {recipe.max_residual_px:g}"
        return Alignment(f"{reason}: the rig was knocked or the scene moved", quality=quality)
    return _finished(halves, known, homography, found.kernel, quality)


def _quality(halves: Halves, known: Reference, homography: Float, found: Shifted) -> Quality | None:
    lit = halves.lit(known)
    drift = Drift(lit, found.predicted, found.weights)
    height, width = halves.view.size
    parts = [(rows, columns) for rows in _halved(height) for columns in _halved(width)]
    apart = _disagreements(drift, parts, found, _QUADRANT_PX) or _disagreements(drift, parts, found, np.inf)
    if not apart:
        return None
    trusted = found.weights > 0.99
    pair = np.corrcoef(lit[trusted][::3], found.predicted[trusted][::3])
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    x, y = apply(homography @ inverse(known.homography), middle) - middle
    return Quality(float(np.nan_to_num(pair[0, 1])), float(np.mean(apart)), apart, blur_length(found.kernel), (float(x), float(y)))


def _disagreements(drift: Drift, parts: list[tuple[slice, slice]], found: Shifted, within_px: float) -> tuple[float, ...]:
    """Of each part whose shift is known so well, how far it lies from that of the whole; nothing where fewer than two are."""
    shifts = [drift.shift(*part, within_px=within_px) for part in parts]
    apart = tuple(float(np.hypot(*(shift - found.rest))) for shift in shifts if shift is not None)
    return apart if len(apart) > 1 else ()


def _halved(side: int) -> tuple[slice, slice]:
    return slice(0, side // 2), slice(side // 2, None)


def _finished(halves: Halves, known: Reference, homography: Float, kernel: Float, quality: Quality) -> Alignment:
    """Warp once, crop, match the light."""
    recipe, full = halves.recipe, halves.light.full
    s, s_inside = halves.sharp.codes(inverse(homography))
    valid = (halves.inside > 0.5) & (s_inside > 0.5)
    crop = common_rectangle(valid) if recipe.trim else (0, 0, *halves.view.size)
    if crop is None or min(crop[2] - crop[0], crop[3] - crop[1]) < _SMALLEST:
        return Alignment(f"less than {_SMALLEST}x{_SMALLEST} px are common to both pictures", quality=quality)
    window = (slice(crop[0], crop[2]), slice(crop[1], crop[3]))
    b, s, valid, middle = halves.codes[window], s[window], valid[window], centred(kernel)
    gain, offset = known.gain, known.offset
    if recipe.photometric == "none":
        gain, offset = np.ones(3), np.zeros(3)
    elif recipe.photometric_from == "pair" and recipe.photometric == "published":
        gain, offset = photometric.published(b, s)
    elif recipe.photometric_from == "pair":
        gain, offset = photometric.robust(b, s, valid.astype(np.float32), middle, halves.light, start=(gain, offset))
    pair = (_rounded(b, full), _rounded(s * gain + offset, full))
    return Alignment("ok", homography, *pair, valid, gain, offset, crop, quality, middle)


def pictures(halves: Halves, homography: Float, gain: Float, offset: Float, crop: Rectangle) -> tuple[Image, Image]:
    """The blurry and the sharp picture of a pair whose alignment is known."""
    window = (slice(crop[0], crop[2]), slice(crop[1], crop[3]))
    sharp = halves.sharp.codes(inverse(homography))[0][window]
    return _rounded(halves.codes[window], halves.light.full), _rounded(sharp * gain + offset, halves.light.full)


def _rounded(codes: NDArray[np.floating], full: int) -> Image:
    codes = np.clip(np.rint(codes), 0, full)
    return codes.astype(np.uint8) if full == 255 else codes.astype(np.uint16)
