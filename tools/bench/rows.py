"""A benchmark's figures as data: each is printed by its script and noted here, and `all.py` puts the notes into one table.

A note is one line of JSON, added to the file that ``BLURDATA_BENCH_ROWS`` names; without it nothing is kept.
"""

import json
import os
from pathlib import Path

ROWS = "BLURDATA_BENCH_ROWS"


def note(
    what: str,
    ours: float,
    *,
    peer: float | None = None,
    ratio: float | None = None,
    unit: str = "",
    at_least: float | None = None,
    at_most: float | None = None,
) -> None:
    """Note one figure.

    Args:
        what: What was measured, the peer's name in it.
        ours: Our figure.
        peer: The peer's, in the same unit.
        ratio: How many times better ours is; it is then what the target is about.
        unit: Of both.
        at_least: The target, where more is better.
        at_most: The target, where less is better.
    """
    place = os.environ.get(ROWS)
    if not place:
        return
    judged = ours if ratio is None else ratio
    target, met = "", None
    if at_least is not None:
        target, met = f">= {at_least:g}", judged >= at_least
    if at_most is not None:
        target, met = f"<= {at_most:g}", judged <= at_most
    row = {"what": what, "unit": unit, "ours": ours, "peer": peer, "ratio": ratio, "target": target, "met": met}
    with Path(place).open("a") as lines:
        lines.write(json.dumps({name: _plain(value) for name, value in row.items()}) + "\n")


def _plain(value: object) -> object:
    """Numpy's numbers as Python's."""
    return value.item() if hasattr(value, "item") else value
