"""Pictures and folders restored by the network of a checkpoint: which file becomes which, and how a run goes on."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from blurdata.errors import BlurDataError, OutputError, SourceError
from blurdata.files import make_folder, read_image, write_atomic, write_png
from blurdata.models import restore
from blurdata.models.tiling import check_tiles
from blurdata.pairs import Image
from blurdata.progress import SILENT, Advance
from blurdata.training.checkpoint import load_network
from blurdata.transforms.copies import Copy, Outcome, is_fresh

RECORD = "deblur.json"


@dataclass(frozen=True)
class Restorer:
    """The network of a checkpoint on a device, with the settings that decide what it gives.

    Args:
        model: In evaluation mode.
        checkpoint: JSON-able facts: file, content hash, network, recipe.
        tile: Side of the tiles in px, None for whole pictures.
        overlap: Px by which tiles overlap.
        precision: ``fp32`` or ``bf16``.
    """

    model: nn.Module
    checkpoint: Mapping[str, Any]
    tile: int | None = 512
    overlap: int = 32
    precision: str = "fp32"

    def __call__(self, blurry: Image) -> Image:
        """Restore one (H, W, 3) uint8 or uint16 picture.

        Raises:
            BlurDataError: If memory does not suffice.
        """
        precision = self.precision if blurry.dtype == "uint8" else "fp32"  # bf16 has 8 bits of its own
        try:
            return restore(self.model, blurry, tile=self.tile, overlap=self.overlap, precision=precision)
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "memory" not in str(error):
                raise
            msg = f"Not enough memory for tiles of {self.tile or max(blurry.shape)} px; choose a smaller --tile."
            raise BlurDataError(msg) from error

    @property
    def settings(self) -> dict[str, Any]:
        """What a restored picture depends on besides the picture, JSON-able."""
        identity = {name: self.checkpoint[name] for name in ("hash", "model")}
        return {"checkpoint": identity, "tile": self.tile, "overlap": self.overlap, "precision": self.precision}


def open_restorer(path: Path, *, device: str = "auto", tile: int | None = 512, overlap: int = 32, compiled: bool = False) -> Restorer:
    """Load a checkpoint onto a device; on CUDA it runs in bf16 autocast and channels-last.

    Args:
        path: A checkpoint of ours.
        device: ``auto`` (CUDA where there is one), or any name that torch knows.
        tile: Side of the tiles in px, None for whole pictures.
        overlap: Px by which tiles overlap.
        compiled: Use ``torch.compile``, on CUDA only.

    Raises:
        SourceError: If the file is no checkpoint of ours.
        ValueError: If the device does not exist or tile and overlap do not go together.
    """
    check_tiles(tile, overlap)
    place = pick_device(device)
    model, state = load_network(path)
    recipe = state["recipe"]
    about = {"file": str(path), "hash": _digest(path), "model": recipe["model"], "recipe": recipe, "step": state.get("step")}
    if place.type != "cuda":
        return Restorer(model.to(place), about, tile, overlap)
    model = model.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if compiled:
        model.compile()
    return Restorer(model, about, tile, overlap, "bf16")


def pick_device(name: str) -> torch.device:
    """The device of a name; ``auto`` is the first CUDA device, or the CPU.

    Raises:
        ValueError: If there is none of that name.

    Example:
        >>> pick_device("cpu")
        device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, ValueError) as error:  # torch without CUDA asserts; `meta` has no values
        msg = f"There is no device '{name}' here; use auto or cpu."
        raise ValueError(msg) from error
    return device


def restore_files(copies: Sequence[Copy], out: Path, restorer: Restorer, *, overwrite: bool = False, advance: Advance = SILENT) -> Outcome:
    """Write restored pictures as PNG of the same depth, upright, and ``deblur.json`` with what made each picture of the folder.

    Pictures that are there already, made of the same source with the same settings and no older than it, are kept, so the same call
    carries on where a killed one stopped. Others may join the folder, also with other settings.

    Args:
        copies: From :func:`blurdata.transforms.copies.plan_copies` for ``out``, which sees to it that no picture is written over.
        out: Folder for the restored pictures.
        restorer: The network.
        overwrite: Restore again what is there, also what something else put there.
        advance: Moves a progress display on.

    Raises:
        OutputError: If ``out`` cannot be written, or holds such files that another checkpoint, other settings or something else made,
            or of another picture.
    """
    make_folder(out)
    before, checkpoints = _read_record(out)
    checkpoints[restorer.checkpoint["hash"]] = dict(restorer.checkpoint)
    settings = json.loads(json.dumps(restorer.settings))
    entries = {copy.name: {"source": str(copy.source), "settings": settings} for copy in copies}
    if not overwrite:
        _check_claim(copies, out, before, entries)
    replaced = {name for name, entry in entries.items() if before.get(name) != entry and (out / name).exists()}
    # before the first picture, so that a killed run goes on; what is to be replaced is nobody's until the end, for it may be old or new
    _write_record(out, {name: entry for name, entry in {**before, **entries}.items() if name not in replaced}, checkpoints)
    kept, failed, done = 0, [], {}
    for copy in copies:
        target = out / copy.name
        try:
            if not overwrite and is_fresh(target, copy.source):
                kept += 1
            else:
                write_png(target, restorer(read_image(copy.source)))
        except SourceError as error:
            failed.append(str(error))
        else:
            done[copy.name] = entries[copy.name]
        advance()
    _write_record(out, {**before, **done}, checkpoints)
    return Outcome(len(done) - kept, kept, failed)


def _check_claim(copies: Sequence[Copy], out: Path, before: Mapping[str, Any], entries: Mapping[str, Any]) -> None:
    """Refuse a folder where our names are taken by pictures of other settings, of other pictures or of unknown origin."""
    for copy in copies:
        found, target = before.get(copy.name), out / copy.name
        if found == entries[copy.name] or not target.exists():
            continue
        if found is None:
            made = "by something else"
        elif found["settings"] != entries[copy.name]["settings"]:
            made = "by another checkpoint or other settings"
        else:
            made = f"of {found['source']}"
        msg = f"{target}: was made {made}; choose another --out, or give --overwrite."
        raise OutputError(msg)


def _read_record(out: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the folder's record says of pictures that are there, by name, and of checkpoints, by hash; nothing if it cannot be read."""
    try:
        content = json.loads((out / RECORD).read_text(encoding="utf-8"))
        pictures = {name: {part: entry[part] for part in ("source", "settings")} for name, entry in content["pictures"].items()}
        checkpoints = dict(content["checkpoints"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}, {}
    return {name: entry for name, entry in pictures.items() if (out / name).exists()}, checkpoints


def _write_record(out: Path, pictures: Mapping[str, Any], checkpoints: Mapping[str, Any]) -> None:
    write_atomic(out / RECORD, json.dumps({"checkpoints": checkpoints, "pictures": pictures}, indent=1) + "\n")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
