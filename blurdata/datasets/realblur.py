"""RealBlur-J and RealBlur-R (Rim et al., ECCV 2020): real pairs of a two-camera rig, camera JPEG or linear raw.

Layout: ``<set>/sceneNNN/{gt/gt_K.png, blur/blur_K.png}`` with K = 1 the static reference pair, and lists beside the set's folder:
``RealBlur_J_train_list.txt`` (3,758 pairs of 182 scenes, *with* the 182 reference pairs) and ``RealBlur_J_test_list.txt`` (980 of
50 scenes, without). The packs of MPRNet and Restormer (``{input,target}/``) open too.

R is linear, so dark; taking one for the other costs 6 dB and more. :meth:`RealBlurPairs.looks_like` tells them apart.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from blurdata.datasets.base import Entry, FilePairs, Triple, check_option, number_positions, readable
from blurdata.datasets.folders import open_folders
from blurdata.datasets.lists import distinct_pairs, find_list, locate, present_pairs, read_list, shown
from blurdata.errors import SourceError
from blurdata.files import natural_key, read_image
from blurdata.naming import name_tokens, some

PUBLISHED = {"train": 3758, "test": 980}
REFERENCES = 182  # all in train
FOLDERS = {"J": "RealBlur-J_ECC_IMCORR_centroid_itensity_ref", "R": "RealBlur-R_BM3D_ECC_IMCORR_centroid_itensity_ref"}
_TEST_SCENES = frozenset((
    2, 6, 11, 15, 17, 24, 44, 47, 50, 56, 59, 71, 75, 85, 94, 97, 100, 101, 103, 105, 107, 108, 112, 118, 120, 122, 125, 129, 130, 141,
    142, 149, 155, 159, 162, 173, 176, 188, 194, 204, 205, 206, 207, 208, 209, 218, 223, 230, 232, 234,
))  # fmt: skip
_SAMPLE = 24  # pictures that are read to tell J from R
# Medians over a set of (median code, mean over median). Photographs of three exposures gave, encoded, 0.10 to 0.46 and 1.00 to 1.22, and
# linear 0.01 to 0.18 and 1.47 to 3.3: light is skewed whatever the exposure.
_DARK, _ENCODED, _BRIGHT, _EVEN, _SKEWED = 0.055, 0.1, 0.3, 1.25, 1.4
Kind = Literal["J", "R"]
_OTHER: dict[Kind, Kind] = {"J": "R", "R": "J"}


class RealBlurPairs(FilePairs):
    """RealBlur as a PairSource that can tell from its pictures whether it is J or R."""

    def __init__(self, *args: Any, kind: Kind, twin: Mapping[str, Path], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kind, self._twin = kind, dict(twin)

    @cached_property
    def looks_like(self) -> Literal["J", "R", "unclear"]:
        """What the tones of the sharp pictures say: linear ones are dark, and their mean lies far above their median.

        Where the other set lies beside this one, the same pictures are compared; otherwise the tones decide, and a set between both is
        ``"unclear"``.
        """
        step = max(len(self) // _SAMPLE, 1)
        sampled = [entry for entry in self.entries[::step] if readable([entry.sharp])]
        if not sampled:
            return "unclear"
        twins = [(entry.sharp, self._twin[entry.key]) for entry in sampled if entry.key in self._twin and readable([self._twin[entry.key]])]
        if twins:
            gap = float(np.median([_tone(mine)[0] - _tone(other)[0] for mine, other in twins]))
            return "unclear" if abs(gap) < 0.01 else "J" if gap > 0 else "R"
        median, skew = np.median([_tone(entry.sharp) for entry in sampled], axis=0)
        if median < _DARK or (skew > _SKEWED and median < _BRIGHT):
            return "R"
        return "J" if (skew < _EVEN and median > _ENCODED) or median > _BRIGHT else "unclear"

    def faults(self) -> list[str]:
        """What is wrong on disk, and whether the pictures look like those of the other set."""
        swapped = self.looks_like not in (self._kind, "unclear")
        sentence = f"opened as RealBlur-{self._kind}, but the pictures look like RealBlur-{self.looks_like}: the two are swapped"
        return super().faults() + ([sentence] if swapped else [])

    def summary(self) -> Mapping[str, Any]:
        """As every set's, with what the pictures look like."""
        return {**super().summary(), "looks_like": self.looks_like}


def open_realblur_j(
    path: str | Path, split: str | None = None, include_reference: str | bool | None = None, unmatched: str = "error"
) -> RealBlurPairs:
    """Open RealBlur-J (camera JPEG, gamma-encoded) as a PairSource.

    Args:
        path: The folder that holds ``RealBlur-J_ECC_IMCORR_centroid_itensity_ref`` and the lists, that folder itself, or a pack.
        split: ``"train"`` or ``"test"``; by default both.
        include_reference: Whether the static pair of each scene is in. By default as published: in train yes, in test no.
        unmatched: ``"error"``, or ``"leave-out"`` to go on without pairs that lost a half.

    Raises:
        SourceError: If the layout is none of these, or a list points outside the folder.
        PairMismatch: If pairs have lost a half; the sentence lists them.

    Example:
        >>> from tempfile import mkdtemp
        >>> from blurdata.files import write_png, write_atomic
        >>> root = Path(mkdtemp())
        >>> scene = root / FOLDERS["J"] / "scene183"
        >>> for half in ("gt", "blur"):
        ...     write_png(scene / half / f"{half}_7.png", np.full((4, 6, 3), 90, np.uint8))
        >>> line = f"{FOLDERS['J']}/scene183/gt/gt_7.png {FOLDERS['J']}/scene183/blur/blur_7.png "
        >>> write_atomic(root / "RealBlur_J_train_list.txt", line)
        >>> open_realblur_j(root, split="train").keys
        ['scene183/7']
    """
    return _open(Path(path), "J", split, include_reference, unmatched)


def open_realblur_r(
    path: str | Path, split: str | None = None, include_reference: str | bool | None = None, unmatched: str = "error"
) -> RealBlurPairs:
    """Open RealBlur-R (linear, from raw) as a PairSource; arguments and errors as :func:`open_realblur_j`.

    Example:
        >>> import tempfile
        >>> from blurdata.files import write_png
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("gt/gt_1.png", "blur/blur_1.png"):
        ...     write_png(root / "RealBlur-R_BM3D_ECC_IMCORR_centroid_itensity_ref/scene001" / name, np.zeros((8, 8, 3), np.uint8))
        >>> pairs = open_realblur_r(root, include_reference=True)
        >>> pairs.keys, pairs[0].meta["curve"]
        (['scene001/1'], 'linear')
    """
    return _open(Path(path), "R", split, include_reference, unmatched)


def _open(root: Path, kind: Kind, split: str | None, include_reference: str | bool | None, unmatched: str) -> RealBlurPairs:
    if split is not None:
        check_option("split", split, PUBLISHED)
    references = _reference_choice(include_reference)
    folder = root / FOLDERS[kind] if (root / FOLDERS[kind]).is_dir() else root
    entries: list[Entry] = []
    told: list[str] = []
    if any(folder.glob("scene*/gt")):
        lists = {name: _listed(root, folder, kind, name) for name in PUBLISHED}
        taken = {key for triples in lists.values() for key, _, _ in triples or ()}  # what a list has is in that split, whatever its number
        for name in [split] if split else list(PUBLISHED):
            listed = lists[name]
            triples = [triple for triple in _scanned(folder, name, references) if triple[0] not in taken] if listed is None else listed
            there, absent = present_pairs(triples, where=folder, unmatched=unmatched)
            entries += [_entry(triple, kind, name) for triple in there if references is not False or not _is_reference(triple[0])]
            told += absent
        entries, doubled = distinct_pairs(entries, unmatched=unmatched)
        told += doubled + _list_faults(lists, kind)
    else:
        for part, place in _packs(root, kind, split):
            pack = open_folders(place, unmatched=unmatched)
            entries += [_entry(("/".join(name_tokens(e.key)[-2:]), e.blurry, e.sharp), kind, part) for e in pack.entries]
            told += pack.faults()
    recipe = {"kind": f"realblur-{kind.lower()}", "split": split, "include_reference": references, "unmatched": unmatched}
    published = {name: PUBLISHED[name] - (REFERENCES if name == "train" and references is False else 0) for name in PUBLISHED}
    wanted = {name: count for name, count in published.items() if split in (None, name)}
    twin = _twin(folder, kind, entries)
    return RealBlurPairs(root, number_positions(entries), recipe, published=wanted, faults=told, kind=kind, twin=twin)


def _reference_choice(given: str | bool | None) -> bool | None:
    words = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if given is None or isinstance(given, bool):
        return given
    check_option("include_reference", given.lower(), words)
    return words[given.lower()]


def _listed(root: Path, folder: Path, kind: Kind, split: str) -> list[Triple] | None:
    """The pairs of a published list, or None where there is none."""
    path = find_list(f"RealBlur_{kind}_{split}_list.txt", (root, root / "datalist", folder.parent, folder))
    if path is None:
        return None
    triples: list[Triple] = []
    for sharp, blurry, where in read_list(path):
        if any(FOLDERS[_OTHER[kind]] in name for name in (sharp, blurry)):
            msg = f"{where}: names pictures of RealBlur-{_OTHER[kind]} ({shown(sharp)}); the lists of J and R are swapped."
            raise SourceError(msg)
        key = _key(sharp, where)
        if _in_set(blurry).replace("blur", "gt") != _in_set(sharp):
            msg = f"{where}: names '{shown(blurry)}' beside '{shown(sharp)}', which are not the halves of one pair; mend that line."
            raise SourceError(msg)
        triples.append((key, locate(_in_set(blurry), folder, where), locate(_in_set(sharp), folder, where)))
    return triples


def _list_faults(lists: Mapping[str, list[Triple] | None], kind: Kind) -> list[str]:
    """A sentence for each list that is empty, and for each scene of which both splits list pairs, the same pairs apart."""
    told = [f"RealBlur_{kind}_{name}_list.txt: is empty" for name, listed in lists.items() if listed is not None and not listed]
    train, test = ({key for key, _, _ in lists[name] or ()} for name in ("train", "test"))
    shared = {key.rpartition("/")[0] for key in train} & {key.rpartition("/")[0] for key in test - train}
    return told + [f"{scene}: is in the lists of train and of test" for scene in sorted(shared, key=natural_key)]


def _in_set(name: str) -> str:
    """``sceneNNN/<half>/<file>`` of a listed name: the set's folder may have been renamed."""
    return "/".join(name.split("/")[-3:])


def _scanned(folder: Path, split: str, references: bool | None) -> list[Triple]:
    """The pairs of the published scenes of a split, where there is no list."""
    triples: list[Triple] = []
    for scene in sorted(folder.glob("scene*"), key=lambda path: natural_key(path.name)):
        number = re.match(r"scene(\d+)", scene.name)
        if number is None or (int(number[1]) in _TEST_SCENES) != (split == "test"):
            continue
        names = [re.fullmatch(r"(?:gt|blur)_(\d+)", path.stem) for half in ("gt", "blur") for path in (scene / half).glob("*.png")]
        for index in sorted({name[1] for name in names if name}, key=int):
            key = f"{scene.name}/{index}"
            if not (_is_reference(key) and split == "test" and references is None):
                triples.append((key, scene / "blur" / f"blur_{index}.png", scene / "gt" / f"gt_{index}.png"))
    return triples


def _key(sharp: str, where: str) -> str:
    parts = sharp.split("/")
    number = re.fullmatch(r"gt_(\d+)", Path(parts[-1]).stem)
    if len(parts) < 3 or number is None:
        msg = (
            f"{where}: '{shown(sharp)}' is no ground truth of RealBlur; "
            "a line reads <set>/sceneNNN/gt/gt_K.png <set>/sceneNNN/blur/blur_K.png."
        )
        raise SourceError(msg)
    return f"{parts[-3]}/{number[1]}"


def _is_reference(key: str) -> bool:
    return key.rpartition("/")[2] == "1"


def _entry(triple: Triple, kind: Kind, split: str | None) -> Entry:
    key, blurry, sharp = triple
    scene = key.rpartition("/")[0]
    meta = {"source": f"realblur-{kind.lower()}", "split": split, "scene": scene, "sequence": scene, "variant": kind}
    return Entry(key, blurry, sharp, meta | {"curve": "srgb" if kind == "J" else "linear", "reference": _is_reference(key)})


def _packs(root: Path, kind: Kind, split: str | None) -> list[tuple[str | None, Path]]:
    """The splits and folders of a flattened pack: ``<root>[/train|/test][/RealBlur_J]/{input,target}``."""

    def is_pack(folder: Path) -> bool:
        return (folder / "input").is_dir() and (folder / "target").is_dir()

    own = next((folder for folder in (root / f"RealBlur_{kind}", root) if is_pack(folder)), None)
    if own is not None:
        return [(split, own)]
    places = {name: (root / name / f"RealBlur_{kind}", root / name) for name in ([split] if split else PUBLISHED)}
    packs: list[tuple[str | None, Path]] = [(name, next(filter(is_pack, both))) for name, both in places.items() if any(map(is_pack, both))]
    if not packs:
        msg = (
            f"{root}: holds no {FOLDERS[kind]}/sceneNNN/gt and no input/ beside target/; "
            f"give the folder that holds {some([FOLDERS[kind], f'RealBlur_{kind}_train_list.txt'])}."
        )
        raise SourceError(msg)
    return packs


def _twin(folder: Path, kind: Kind, entries: list[Entry]) -> dict[str, Path]:
    """The same sharp pictures in the other set, where it lies beside this one."""
    other = folder.parent / FOLDERS[_OTHER[kind]]
    if not other.is_dir() or folder.name != FOLDERS[kind]:
        return {}
    found = {entry.key: other / entry.sharp.relative_to(folder) for entry in entries if entry.sharp.is_relative_to(folder)}
    return {key: path for key, path in found.items() if path.is_file()}


def _tone(path: Path) -> tuple[float, float]:
    """Median code of a picture, of 1, and its mean over its median."""
    picture = read_image(path)
    codes = picture[::4, ::4] / np.iinfo(picture.dtype).max
    median = float(np.median(codes))
    return median, float(codes.mean()) / max(median, 1 / 255)
