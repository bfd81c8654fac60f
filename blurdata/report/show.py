"""Which pairs the page shows, and their pictures: read a second time, one at a time, so that memory stays bounded."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from blurdata.pairs import Image, Pair
from blurdata.quality import KINDS, Finding, PairFacts
from blurdata.quality.facts import psnr
from blurdata.report.pictures import data_uri, detail_box, fit
from blurdata.report.scale import show

Restore = Mapping[str, Image] | Callable[[Pair], Image]
_DETAIL = 240  # px: three of them side by side still fit a phone
_THUMBS_A_KIND = 8


def pick(facts: Sequence[PairFacts], suspects: Iterable[str], count: int) -> list[str]:
    """Keys of ``count`` pairs spread evenly over the lengths of blur, from short to long, suspects left out where others do."""
    bad = set(suspects)
    good = [f for f in facts if not f.error and f.key not in bad] or [f for f in facts if not f.error]
    good.sort(key=lambda f: (f.length_px if np.isfinite(f.length_px) else 0.0, f.index))
    if len(good) <= count:
        return [f.key for f in good]
    return [good[round(i)].key for i in np.linspace(0.02, 0.98, count) * (len(good) - 1)]


def sheet_row(pair: Pair, facts: PairFacts, restore: Restore | None) -> dict[str, Any]:
    """One row of the contact sheet: details of blurry, restored and sharp at full size."""
    box = detail_box(pair.sharp, _DETAIL)
    parts = [_part("blurry", pair.blurry[box], facts.psnr)]
    restored = _restored(pair, restore)
    if restored is not None:
        parts.append(_part("restored", restored[box], psnr(restored, pair.sharp)))
    parts.append(_part("sharp", pair.sharp[box], None))
    return {"key": pair.key, "caption": caption(facts)[:1], "parts": parts}


def _part(name: str, image: Image, psnr: float | None) -> dict[str, Any]:
    text = f"{psnr:.2f} dB" if psnr is not None and np.isfinite(psnr) else ""
    return {"name": name, "src": data_uri(image, quality=90), "width": image.shape[1], "height": image.shape[0], "psnr": text}


def _restored(pair: Pair, restore: Restore | None) -> Image | None:
    """The restored picture of a pair, or None where the caller has none."""
    if restore is None:
        return None
    restored = restore(pair) if callable(restore) else restore.get(pair.key)
    if restored is not None and (restored.shape != pair.sharp.shape or restored.dtype != pair.sharp.dtype):
        msg = (
            f"The restored picture of pair '{pair.key}' must be {pair.sharp.dtype} {pair.sharp.shape} like its sharp half, "
            f"got {restored.dtype} {restored.shape}."
        )
        raise ValueError(msg)
    return restored


def wipe(pair: Pair, facts: PairFacts) -> dict[str, Any]:
    """Both halves for the slider."""
    blurry, sharp = fit(pair.blurry, 960, 720), fit(pair.sharp, 960, 720)
    height, width = sharp.shape[:2]
    return {
        "key": pair.key,
        "caption": caption(facts),
        "blurry": data_uri(blurry),
        "sharp": data_uri(sharp),
        "width": width,
        "height": height,
    }


def caption(facts: PairFacts) -> list[str]:
    """Length of blur and score of the input, in a few words each."""
    rough = " (rough)" if facts.length_from == "rough" else ""
    length = f"{show(facts.length_px, 2)} px of blur{rough}" if np.isfinite(facts.length_px) else "blur not measured"
    return [length, f"input {show(facts.psnr)} dB"]


def thumbs_wanted(findings: Sequence[Finding]) -> list[str]:
    """Keys of the suspects that get pictures: of each kind the furthest from the set's median, and their partners."""
    keys: dict[str, None] = {}
    for kind in KINDS:
        mine = [f for f in findings if f.kind == kind]
        mine.sort(key=lambda f: -abs(f.value - f.median) if np.isfinite(f.value - f.median) else 0.0)
        keys.update(dict.fromkeys(key for f in mine[:_THUMBS_A_KIND] for key in (f.key, f.other) if key))
    return list(keys)


def thumbs(pair: Pair) -> list[tuple[str, str, int, int]]:
    """Small pictures of both halves: (name, source, width, height)."""
    small = [(name, fit(half, 240, 240)) for name, half in (("blurry", pair.blurry), ("sharp", pair.sharp))]
    return [(name, data_uri(image, quality=80), image.shape[1], image.shape[0]) for name, image in small]
