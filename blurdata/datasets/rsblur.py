"""RSBlur (Rim et al., ECCV 2022): 13,358 real pairs, and the averages of sharp frames that go with them.

Layout: ``RSBlur/<day>/<id>/{real_blur/real_blur.png, gt/gt_sharp.png, …}``; which pair is in which split stands in the published lists
``RSBlur_real_{train,val,test}.txt`` and ``RSBlur_real_test_{saturation,non_saturation}.txt``, with lines ``gt_path blur_path``. In those
lists the ids of a scene run on in blocks of twenty that begin at 2, 22, 42, …; ``scene`` in meta is that block.
"""

from pathlib import Path

from blurdata.datasets.base import Entry, FilePairs, Triple, check_option, number_positions
from blurdata.datasets.lists import Line, distinct_pairs, find_list, locate, present_pairs, read_list, shown
from blurdata.errors import SourceError

PUBLISHED = {"train": 8878, "val": 1120, "test": 3360}
SATURATED = {"yes": 1626, "no": 1734}  # of test
_VARIANTS = ("real", "syn")
_BLOCK, _FIRST_ID = 20, 2


def open_rsblur(
    path: str | Path, split: str | None = None, saturated: str | None = None, variant: str = "real", unmatched: str = "error"
) -> FilePairs:
    """Open RSBlur as a PairSource.

    Args:
        path: The folder that holds ``RSBlur/`` and the lists (also in ``datalist/`` or ``datalist/RSBlur/``), or ``RSBlur`` itself.
        split: ``"train"``, ``"val"`` or ``"test"``; by default all whose list is there.
        saturated: Of test: ``"yes"`` only pairs with saturated lights (1,626), ``"no"`` only those without (1,734).
        variant: ``"real"``, or ``"syn"``: the list whose blurry half is the average of sharp frames (``RSBlur_syn_train.txt``).
        unmatched: ``"error"``, or ``"leave-out"`` to go on without pairs that lost a half.

    Raises:
        SourceError: If a list is missing, points outside the folder, or an option is wrong.
        PairMismatch: If pairs have lost a half; the sentence lists them.

    Example:
        >>> from tempfile import mkdtemp
        >>> import numpy as np
        >>> from blurdata.files import write_atomic, write_png
        >>> root, names = Path(mkdtemp()), [f"RSBlur/0001/000022/{half}.png" for half in ("gt/gt_sharp", "real_blur/real_blur")]
        >>> for name in names:
        ...     write_png(root / name, np.zeros((4, 6, 3), np.uint8))
        >>> write_atomic(root / "RSBlur_real_test.txt", " ".join(names))
        >>> open_rsblur(root, split="test").keys
        ['0001/000022']
    """
    root = Path(path)
    check_option("variant", variant, _VARIANTS)
    if split is not None:
        check_option("split", split, PUBLISHED)
    if saturated is not None:
        check_option("saturated", saturated, SATURATED)
        split = split or "test"
        if split != "test" or variant != "real":
            msg = f"Option 'saturated' is for the real pairs of split=test, got split={split}, variant={variant}."
            raise SourceError(msg)
    suffix = {None: "", "yes": "_saturation", "no": "_non_saturation"}[saturated]
    entries: list[Entry] = []
    told: list[str] = []
    lists = _lists(root, variant, split, suffix)
    for name, listed_in in lists.items():
        located = [_located(root, line) for line in read_list(listed_in)]
        told += [] if located else [f"{listed_in.name}: is empty"]
        there, absent = present_pairs(located, where=root, unmatched=unmatched)
        entries += [_entry(*triple, name, variant) for triple in there]
        told += absent
    entries, doubled = distinct_pairs(entries, unmatched=unmatched)
    told += doubled
    recipe = {"kind": "rsblur", "variant": variant, "split": split, "saturated": saturated, "unmatched": unmatched}
    wanted = {name: SATURATED[saturated] if saturated else count for name, count in PUBLISHED.items() if split in (None, name)}
    return FilePairs(root, number_positions(entries), recipe, published=wanted if variant == "real" else {}, faults=told)


def _lists(root: Path, variant: str, split: str | None, suffix: str) -> dict[str, Path]:
    places = (root, root / "datalist" / "RSBlur", root / "datalist", root.parent, root.parent / "datalist" / "RSBlur")
    names = {name: f"RSBlur_{variant}_{name}{suffix}.txt" for name in ([split] if split else PUBLISHED)}
    found = {name: path for name, file in names.items() if (path := find_list(file, places))}
    if not found:
        msg = f"{root}: holds no list {' or '.join(names.values())}; fetch it from the authors' page and put it beside RSBlur/."
        raise SourceError(msg)
    return found


def _located(root: Path, line: Line) -> Triple:
    parts = line.sharp.split("/")
    if len(parts) < 4 or parts[-2].endswith("blur"):
        msg = (
            f"{line.where}: '{shown(line.sharp)}' is no ground truth of RSBlur; "
            "a line reads RSBlur/<day>/<id>/gt/gt_sharp.png RSBlur/<day>/<id>/…."
        )
        raise SourceError(msg)
    base = root.parent if root.name == parts[0] and not (root / parts[0]).is_dir() else root
    return f"{parts[-4]}/{parts[-3]}", locate(line.blurry, base, line.where), locate(line.sharp, base, line.where)


def _entry(key: str, blurry: Path, sharp: Path, split: str, variant: str) -> Entry:
    day, _, number = key.partition("/")
    block = f"{day}/{(int(number) - _FIRST_ID) // _BLOCK:03d}" if number.isdigit() else key
    meta = {"source": "rsblur", "split": split, "scene": block, "sequence": block, "variant": variant, "curve": "srgb"}
    return Entry(key, blurry, sharp, meta)
