"""Which restored picture belongs to which sharp one? Decided by names, in any nesting and in the forms that are published."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from blurdata.errors import PairMismatch, SourceError
from blurdata.files import IMAGE_SUFFIXES
from blurdata.naming import RESTORED_WORDS, SHARP_WORDS, SPLITS, Tokens, counted, name_tokens, some, walk_images

_MARKS = ("gt", "sharp", "target")  # words that mark a ground truth within a file's own name


def sharp_names(folder: Path) -> dict[str, Path]:
    """Ground truths under ``folder`` by relative name; where blurry halves lie among them only the sharp ones.

    Raises:
        SourceError: If there is no picture.
    """
    named = _named(folder)
    return {name: path for name, path in named.items() if _is_sharp(name)} or named


def restored_names(folder: Path) -> dict[str, Path]:
    """Restored pictures under ``folder`` by relative name; ground truths and inputs that lie among them are set aside.

    Raises:
        SourceError: If there is no picture.
    """
    named = _named(folder)
    outputs = {name: path for name, path in named.items() if set(PurePosixPath(name.lower()).parts[:-1]) & set(RESTORED_WORDS)}
    return outputs or {name: path for name, path in named.items() if not _is_sharp(name)} or named


def _named(folder: Path) -> dict[str, Path]:
    named = {path.relative_to(folder).as_posix(): path for path in walk_images(folder)}
    if not named:
        msg = f"{folder}: holds no pictures."
        raise SourceError(msg)
    return named


def _is_sharp(name: str) -> bool:
    path = PurePosixPath(name.lower())
    words = re.split(r"[^a-z]+", path.stem)
    return bool(set(path.parts[:-1]) & set(SHARP_WORDS)) or words[0] in _MARKS or words[-1] in _MARKS


def match_restored(restored: Iterable[str], sharp: Iterable[str], *, allow_missing: bool = False) -> list[tuple[str, str]]:
    """(restored name, sharp name) for every restored picture, in the order of ``sharp``.

    Equal names belong together; otherwise names whose tokens are equal, or of which one ends with the other's (so that a folder more
    on either side does no harm). ``a.jpg.png`` counts as ``a.jpg`` where it is nobody's own name: restored pictures are named so after
    blurry ones that differ in nothing but their suffix.

    Args:
        restored: Relative names.
        sharp: Relative names.
        allow_missing: Score a part: sharp pictures without a restored one are left out.

    Raises:
        PairMismatch: If a picture has no partner or more than one; the sentence lists them.

    Example:
        >>> match_restored(["scene001_blur_1.png"], ["scene001/gt/gt_1.png"])
        [('scene001_blur_1.png', 'scene001/gt/gt_1.png')]
        >>> match_restored(["run7/GOPR0384_11_00-000001.png"], ["GOPR0384_11_00/sharp/000001.png"])
        [('run7/GOPR0384_11_00-000001.png', 'GOPR0384_11_00/sharp/000001.png')]
        >>> match_restored(["a.jpg.png", "a.bmp.png"], ["a.bmp", "a.jpg"])
        [('a.bmp.png', 'a.bmp'), ('a.jpg.png', 'a.jpg')]
    """
    restored, sharp = list(restored), list(sharp)
    partner = _by_name({name: name for name in restored}, sharp)
    partner |= _by_name({name: _named_after(name) for name in restored if name not in partner}, sharp)
    left = {name: _named_after(name) for name in restored if name not in partner}
    partner |= _by_tokens(left, [name for name in sharp if name not in set(partner.values())])
    owners: dict[str, list[str]] = {}
    for name, truth in partner.items():
        owners.setdefault(truth, []).append(name)
    doubled = {truth: names for truth, names in owners.items() if len(names) > 1}
    if doubled:
        truth, names = next(iter(doubled.items()))
        msg = f"{len(doubled)} sharp pictures have more than one restored picture ({truth}: {some(names)}); give a folder with one of each."
        raise PairMismatch(msg)
    strangers = [name for name in restored if name not in partner]
    missing = [name for name in sharp if name not in owners]
    if strangers or (missing and not allow_missing) or not partner:
        raise PairMismatch(_unmatched(strangers, missing, allow_missing=allow_missing))
    return [(owners[truth][0], truth) for truth in sharp if truth in owners]


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _named_after(name: str) -> str:
    """The file's name that a restored picture was named after: ``a.jpg`` for ``a.jpg.png``; any other name itself."""
    inner = PurePosixPath(name).with_suffix("")
    return inner.as_posix() if _suffix(inner.name) in IMAGE_SUFFIXES else name


def _by_name(called: Mapping[str, str], sharp: Sequence[str]) -> dict[str, str]:
    """Partners of the restored pictures that are ``called`` as a sharp one, or as one alone is but for the suffix."""
    stems: dict[str, list[str]] = {}
    for name in sharp:
        stems.setdefault(_stem(name), []).append(name)
    alike = {name: stems.get(_stem(alias), []) for name, alias in called.items()}
    same = {name: [alias] if alias in alike[name] else alike[name] for name, alias in called.items()}
    return {name: truths[0] for name, truths in same.items() if len(truths) == 1}


def _by_tokens(called: Mapping[str, str], sharp: Sequence[str]) -> dict[str, str]:
    """Partners by tokens of what the restored pictures are ``called``; names of splits are set aside only where nothing fits with them."""
    partner: dict[str, str] = {}
    for tokens_of in (name_tokens, _without_split):
        by_last: dict[str, list[tuple[str, Tokens]]] = {}
        for name in sharp:
            if tokens := tokens_of(name):
                by_last.setdefault(tokens[-1], []).append((name, tokens))
        for name, alias in called.items():
            if name not in partner and (candidates := _candidates(tokens_of(alias), by_last)):
                if len(candidates) > 1 and alias != name:
                    candidates = [one for one in candidates if _suffix(one) == _suffix(alias)] or candidates
                if len(candidates) > 1:
                    msg = f"'{name}' could belong to {len(candidates)} sharp pictures ({some(candidates)}); name it with its scene."
                    raise PairMismatch(msg)
                partner[name] = candidates[0]
    return partner


def _without_split(name: str) -> Tokens:
    return tuple(token for token in name_tokens(name) if token not in SPLITS)


def _candidates(tokens: Tokens, by_last: Mapping[str, Sequence[tuple[str, Tokens]]]) -> list[str]:
    if not tokens:
        return []
    equal, related = [], []
    for name, other in by_last.get(tokens[-1], ()):
        shared = min(len(tokens), len(other))
        if tokens == other:
            equal.append(name)
        elif tokens[-shared:] == other[-shared:]:
            related.append(name)
    return equal or related


def _unmatched(strangers: Sequence[str], missing: Sequence[str], *, allow_missing: bool) -> str:
    sides = []
    if strangers:
        sides.append(f"{counted(len(strangers), 'restored picture')} without a sharp one ({some(strangers)})")
    if missing and not allow_missing:
        sides.append(f"{counted(len(missing), 'sharp picture')} without a restored one ({some(missing)})")
    remedy = "restore the rest, or score a part with --allow-missing" if missing and not strangers else "pictures are paired by name"
    return f"{'; '.join(sides) or 'No restored picture belongs to a sharp one'}; {remedy}."
