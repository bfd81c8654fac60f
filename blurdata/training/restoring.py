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
    """Write restored pictures as PNG of the same depth, upright, and ``deblur.json`` with what made them.

    Pictures that are there already and no older than their source are kept, so the same call carries on where a killed one stopped.

    Args:
        copies: From :func:`blurdata.transforms.copies.plan_copies` for ``out``, which sees to it that no picture is written over.
        out: Folder for the restored pictures.
        restorer: The network.
        overwrite: Restore again what is there, also what something else put there.
        advance: Moves a progress display on.

    Raises:
        OutputError: If ``out`` cannot be written, or holds such files that another checkpoint or something else made.
    """
    make_folder(out)
    if not overwrite:
        _check_claim(copies, out, restorer.settings)
    write_atomic(out / RECORD, json.dumps({"settings": restorer.settings, "pictures": {}}) + "\n")
    kept, failed, record = 0, [], {}
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
            record[copy.name] = str(copy.source)
        advance()
    about = {"settings": restorer.settings, "checkpoint": dict(restorer.checkpoint), "pictures": record}
    write_atomic(out / RECORD, json.dumps(about, indent=1) + "\n")
    return Outcome(len(record) - kept, kept, failed)


def _check_claim(copies: Sequence[Copy], out: Path, settings: Mapping[str, Any]) -> None:
    """Refuse a folder where our names are taken by pictures of other settings or of unknown origin."""
    taken = next((out / copy.name for copy in copies if (out / copy.name).exists()), None)
    if taken is None:
        return
    try:
        found = json.loads((out / RECORD).read_text(encoding="utf-8"))["settings"]
    except (OSError, ValueError, KeyError, TypeError):
        found = None
    if found != json.loads(json.dumps(settings)):
        made = "something else" if found is None else "another checkpoint or other settings"
        msg = f"{taken}: was made by {made}; choose another --out, or give --overwrite."
        raise OutputError(msg)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
