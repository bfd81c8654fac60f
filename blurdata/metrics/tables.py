"""Scores as a person, a spreadsheet and a program want to read them."""

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from blurdata.json_values import finite
from blurdata.metrics.evaluation import Row
from blurdata.metrics.protocols import Protocol, versions
from blurdata.naming import counted


def means(rows: Sequence[Row]) -> dict[str, float | None]:
    """Mean PSNR and SSIM over the images, as papers quote them; images equal to their ground truth count for SSIM only."""
    ratios = [row.psnr for row in rows if row.psnr is not None and math.isfinite(row.psnr)]
    likenesses = [row.ssim for row in rows if row.ssim is not None]
    return {name: math.fsum(values) / len(values) if values else None for name, values in (("psnr", ratios), ("ssim", likenesses))}


def quoted(rows: Sequence[Row]) -> str:
    """The means in the form of a paper's table.

    Example:
        >>> quoted([Row("a", "a.png", 31.376, 0.90912, "ok")])
        '31.38 / 0.9091'
    """
    mean = means(rows)
    psnr = "inf" if mean["psnr"] is None else f"{mean['psnr']:.2f}"
    return f"{psnr} / {mean['ssim']:.4f}" if mean["ssim"] is not None else "no scores"


def as_json(rows: Sequence[Row], protocol: Protocol, about: Mapping[str, Any]) -> dict[str, Any]:
    """Everything about a run: protocol and its id, versions, means, counts by status, and a row per image.

    Args:
        rows: The scores.
        protocol: How they were made.
        about: What was scored: paths, ids and fingerprints.
    """
    return {
        **about,
        "protocol": {"name": protocol.name, "id": protocol.id, "settings": dict(protocol.settings)},
        "versions": versions(),
        "count": len(rows),
        "mean": means(rows),
        "quoted": quoted(rows),
        "status": dict(Counter(row.status for row in rows)),
        "images": [finite(asdict(row)) for row in rows],
    }


def as_csv(rows: Sequence[Row], protocol: Protocol) -> str:
    """One line an image with full precision; the protocol's id and the library versions on every line, so that lines can be mixed."""
    stream = io.StringIO()
    names = ["key", "restored", "psnr", "ssim", "status", "gain", "reason"]
    extra = {"protocol": protocol.name, "protocol_id": protocol.id, **{name.replace("-", "_"): text for name, text in versions().items()}}
    writer = csv.DictWriter(stream, [*names, *extra], lineterminator="\n")
    writer.writeheader()
    writer.writerows({**asdict(row), **extra} for row in rows)
    return stream.getvalue()


def as_text(rows: Sequence[Row], protocol: Protocol) -> str:
    """A few lines for a person: the means, what was flagged, and by what it was made."""
    mean = means(rows)
    scored = [row for row in rows if row.psnr is not None]
    lines = []
    if mean["ssim"] is not None:
        ratio = "infinite" if mean["psnr"] is None else f"{mean['psnr']:.2f} dB"
        lines.append(f"PSNR {ratio}   SSIM {mean['ssim']:.4f}   over {counted(len(scored), 'image')}   ({protocol.name})")
    for status, meaning in _FLAGS.items():
        flagged = [row for row in rows if row.status == status]
        if flagged:
            lines.append(f"{len(flagged)} {meaning}:")
            lines += [f"  {row.key}  {row.reason or _scores(row)}" for row in flagged[:10]]
            lines += [f"  and {len(flagged) - 10} more"] if len(flagged) > 10 else []
    made = ", ".join(f"{name} {text}" for name, text in versions().items())
    return "\n".join([*lines, f"protocol id {protocol.id}; {made}"])


_FLAGS = {
    "black": "all black, scored as they are",
    "unalignable": "not alignable, scored without a warp",
    "identical": "equal to their ground truth, left out of the mean PSNR",
    "failed": "not scored",
}


def _scores(row: Row) -> str:
    return f"{row.psnr:.2f} dB, {row.ssim:.4f}"
