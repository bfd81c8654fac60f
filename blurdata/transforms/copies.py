"""Blurred copies of pictures and folders: which file becomes which, with what drawn, and how a run goes on."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from blurdata.errors import OutputError, SourceError
from blurdata.files import (
    IMAGE_SUFFIXES,
    icc_profile,
    list_images,
    make_folder,
    natural_key,
    open_header,
    read_image,
    write_atomic,
    write_png,
)
from blurdata.layouts import refuse_originals
from blurdata.progress import SILENT, Advance
from blurdata.transforms.degradation import Degradation, Params

RECORD = "blur.json"


@dataclass(frozen=True)
class Copy:
    """One picture and the name of its blurred copy, relative to the output folder."""

    source: Path
    name: str


@dataclass(frozen=True)
class Outcome:
    """What became of a run: how many pictures were made, how many kept, and the sentences of those that failed."""

    made: int
    kept: int
    failed: Sequence[str]


def plan_copies(inputs: Sequence[Path], out: Path) -> list[Copy]:
    """Every picture of files and folders (and their sub-folders) with the name of its copy.

    One folder is mirrored from its top, several things from the folder they have in common, so that names cannot collide;
    pictures that differ in nothing but their suffix keep it (``a.jpg.png``). What lies in ``out`` itself is left out.

    Raises:
        SourceError: If an input is missing, is no picture, or a folder holds none.
        OutputError: If ``out`` is one of the folders, or a copy would take the place of one of the pictures.
    """
    sources: dict[Path, None] = {}
    for given in inputs:
        if given.is_dir() and given.resolve() == out.resolve():
            msg = f"{out}: is the folder of the pictures itself; choose another --out."
            raise OutputError(msg)
        found = _pictures(given.absolute(), out.absolute()) if given.is_dir() else [_picture(given).absolute()]
        if not found:
            msg = f"{given}: holds no pictures ({', '.join(IMAGE_SUFFIXES)})."
            raise SourceError(msg)
        sources.update(dict.fromkeys(Path(os.path.normpath(path)) for path in found))
    tops = {os.path.normpath(given.absolute() if given.is_dir() else given.absolute().parent) for given in inputs}
    top = Path(os.path.commonpath(tops))
    stems = Counter(path.with_suffix("") for path in sources)
    copies = [
        Copy(path, (path if stems[path.with_suffix("")] > 1 else path.with_suffix("")).relative_to(top).as_posix() + ".png")
        for path in sources
    ]
    refuse_originals((out / copy.name for copy in copies), sources)
    return copies


def blur_copies(
    copies: Sequence[Copy],
    out: Path,
    degradation: Degradation,
    *,
    seed: int = 0,
    settings: Mapping[str, Any],
    save_psf: bool = False,
    advance: Advance = SILENT,
) -> Outcome:
    """Write the blurred copies as PNG, and ``blur.json`` with all that was drawn; depth, grey, transparency and colour profile stay.

    What a picture gets depends on the seed and its name alone. Copies that are there already and no older than their picture
    are kept, so the same call carries on where a killed one stopped; more pictures may join the same folder.

    Args:
        copies: From :func:`plan_copies`.
        out: Folder for the copies.
        degradation: What to do to each picture.
        seed: Seed of everything drawn.
        settings: JSON-able description of the degradation; ``out`` may hold copies of these settings only.
        save_psf: Also write ``NAME.psf.npy``, the (K, L) float32 PSF, beside each copy that is one convolution.
        advance: Moves a progress display on.

    Raises:
        OutputError: If ``out`` cannot be written, holds copies made with other settings or of other pictures of these names, or
            files of these names that are no copies.
    """
    make_folder(out)
    settings = {**settings, "seed": seed}
    drawn = {copy.name: draw_for(degradation, copy.name, seed) for copy in copies}
    record = _claim(out, settings, copies)
    for copy in copies:
        record[copy.name] = {"source": str(copy.source), **(drawn[copy.name] or {"unchanged": True})}
    _write_record(out, settings, record)  # before the first copy: a killed run leaves no copy that nobody can tell the source of
    kept, failed = 0, []
    for copy in copies:
        try:
            kept += not _blur_one(copy, out, degradation, drawn[copy.name], save_psf=save_psf)
        except SourceError as error:
            failed.append(str(error))
            if not (out / copy.name).exists():  # the copy of an earlier run stays ours
                del record[copy.name]
        advance()
    _write_record(out, settings, record, failed)
    return Outcome(len(copies) - len(failed) - kept, kept, failed)


def draw_for(degradation: Degradation, name: str, seed: int) -> Params | None:
    """The parameters of the picture ``name``, None if it stays as it is."""
    digest = int.from_bytes(hashlib.blake2b(name.encode(errors="surrogateescape"), digest_size=8).digest(), "little")
    uniforms = np.random.default_rng([seed, digest]).random(1 + degradation.uniforms).tolist()
    return degradation.draw(uniforms[1:]) if uniforms[0] < degradation.p else None


def _blur_one(copy: Copy, out: Path, degradation: Degradation, params: Params | None, *, save_psf: bool) -> bool:
    """Write one copy; False if it was there."""
    target = out / copy.name
    try:
        kernel = degradation.kernel(params) if save_psf and params is not None else None
        beside = target.with_suffix(".psf.npy") if kernel is not None else None
        if is_fresh(target, copy.source) and (beside is None or beside.exists()):
            return False
        picture, alpha = _as_stored(copy.source)
        if params is not None:
            picture = degradation.prepare(params)(picture, 0)
    except ValueError as error:  # parameters that are sound each by itself can make a blur beyond all bounds
        msg = f"{copy.source}: {error}"
        raise SourceError(msg) from error
    if beside is not None:
        write_atomic(beside, _npy(kernel))
    write_png(target, picture if alpha is None else np.dstack([picture, alpha]), icc_profile=icc_profile(copy.source))
    return True


def _as_stored(path: Path) -> tuple[Any, Any]:
    """A picture, (H, W) where the file is grey, and its transparency, which a blur leaves as it is; None where it has none."""
    picture = read_image(path)
    with open_header(path) as header:
        grey = header.mode in ("1", "L", "I", "I;16", "I;16B")
        transparent = header.has_transparency_data
    if not transparent:
        return (np.ascontiguousarray(picture[..., 0]) if grey else picture), None
    unchanged = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if unchanged is None or unchanged.shape != (*picture.shape[:2], 4):
        return picture, None
    return picture, unchanged[..., 3]


def is_fresh(target: Path, source: Path) -> bool:
    """Whether ``target`` is there and no older than what it is made from."""
    return target.exists() and source.exists() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns


def _npy(array: Any) -> bytes:
    stream = BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _write_record(out: Path, settings: Mapping[str, Any], pictures: Mapping[str, Any], failed: Sequence[str] = ()) -> None:
    content = {"settings": settings, "pictures": pictures, **({"failed": failed} if failed else {})}
    write_atomic(out / RECORD, json.dumps(content, indent=1) + "\n")


def _claim(out: Path, settings: Mapping[str, Any], copies: Sequence[Copy]) -> dict[str, Any]:
    """What the folder's record says of the copies in it; other settings, or other files of these names, are refused."""
    found, pictures = _read_record(out)
    if pictures and found != json.loads(json.dumps(settings)):
        msg = f"{out}: holds copies made with other settings ({_differing(found, settings)}); choose another --out or the same settings."
        raise OutputError(msg)
    for copy in copies:
        source = pictures.get(copy.name, {}).get("source")
        if source != str(copy.source) and (out / copy.name).exists():
            what = f"the copy of {source}" if source else f"there and no copy that {RECORD} tells of"
            msg = f"{out / copy.name}: is {what}, so {copy.source} cannot be written there; choose another --out."
            raise OutputError(msg)
    return pictures


def _read_record(out: Path) -> tuple[Any, dict[str, Any]]:
    """The settings in the folder's record, and its pictures whose copies are there; nothing where there is no record."""
    record = out / RECORD
    if not record.exists():
        return {}, {}
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        found, pictures = content["settings"], {name: dict(entry) for name, entry in content["pictures"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{record}: is no record of blurred copies; choose another --out."
        raise OutputError(msg) from error
    return found, {name: entry for name, entry in pictures.items() if (out / name).exists()}


def _differing(found: Any, settings: Mapping[str, Any]) -> str:
    names = sorted(name for name in {*found, *settings} if found.get(name) != json.loads(json.dumps(settings.get(name))))
    return ", ".join(f"{name} {found.get(name)}" for name in names[:3])


def _picture(path: Path) -> Path:
    if not path.exists():
        msg = f"{path}: there is no such file or folder; check the path."
        raise SourceError(msg)
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        msg = f"{path}: is no picture ({', '.join(IMAGE_SUFFIXES)})."
        raise SourceError(msg)
    return path


def _pictures(folder: Path, out: Path) -> list[Path]:
    found: list[Path] = []
    for place, folders, _ in os.walk(folder):
        folders[:] = sorted((name for name in folders if not name.startswith(".") and Path(place, name) != out), key=natural_key)
        if Path(place) != out:
            found += list_images(Path(place))
    return found
