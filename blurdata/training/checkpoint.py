"""Checkpoints that are whole or not there, and can be read without running anything in them."""

import io
import json
import pickle
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from blurdata.errors import SourceError
from blurdata.files import write_atomic
from blurdata.training.networks import build_model

FORMAT = "blurdata-checkpoint"
_FACTS = ("recipe", "ids", "seed", "step")  # go on into records, so they are what JSON can say


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers, texts, lists and dicts to ``path`` atomically.

    Raises:
        OutputError: If the folder is full or read-only; an older checkpoint stays as it was.

    Example:
        >>> from tempfile import mkdtemp
        >>> path = Path(mkdtemp()) / "checkpoint.pt"
        >>> save_checkpoint(path, {"step": 3})
        >>> load_checkpoint(path)["step"]
        3
    """
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "version": 1, **state}, buffer)
    write_atomic(path, buffer.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint with ``weights_only=True``: nothing in the file is executed.

    Raises:
        SourceError: If the file is missing, damaged or none of ours, or holds weights that are not finite.

    Example:
        >>> load_checkpoint(Path("/no/such.pt"))
        Traceback (most recent call last):
        blurdata.errors.SourceError: /no/such.pt: there is no such checkpoint; give a network.pt that the demo or train_deblur.py saved.
    """
    if path.is_file() and not _whole(path):
        msg = f"{path}: is no checkpoint that can be read; train again or fetch it again."
        raise SourceError(msg)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        msg = f"{path}: there is no such checkpoint; give a network.pt that the demo or train_deblur.py saved."
        raise SourceError(msg) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        msg = f"{path}: is no checkpoint that can be read; train again or fetch it again."
        raise SourceError(msg) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT or state.get("version") != 1:
        msg = f"{path}: is not a checkpoint of blurdata (version 1)."
        raise SourceError(msg)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in _tensors(state)):
        msg = f"{path}: holds weights that are not finite; train again or fetch it again."
        raise SourceError(msg)
    try:
        json.dumps({name: state.get(name) for name in _FACTS})
    except (TypeError, ValueError) as error:
        msg = f"{path}: its {', '.join(_FACTS)} are not plain numbers and texts ({error}); train again or fetch it again."
        raise SourceError(msg) from error
    return state


def _whole(path: Path) -> bool:
    """Whether a file is a zip archive whose parts have the CRC they state: torch looks at none, and would read an old-style pickle too."""
    try:
        with zipfile.ZipFile(path) as parts:
            return parts.testzip() is None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError, NotImplementedError):
        return False


def _tensors(state: Any) -> Iterator[Tensor]:
    """All tensors in nested lists and mappings."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, (dict, list, tuple)):
        for value in state.values() if isinstance(state, dict) else state:
            yield from _tensors(value)


def load_network(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network of a checkpoint, ready to restore pictures, and the whole checkpoint for its ids.

    Raises:
        SourceError: If the file is no checkpoint or its weights do not fit its recipe.

    Example:
        >>> from tempfile import mkdtemp
        >>> path, recipe = Path(mkdtemp()) / "network.pt", {"model": "baseline", "small": True}
        >>> save_checkpoint(path, {"recipe": recipe, "weights": build_model("baseline", small=True).state_dict()})
        >>> load_network(path)[0].parameter_count
        17404
    """
    state = load_checkpoint(path)
    try:
        recipe = state["recipe"]
        model = build_model(recipe["model"], small=recipe["small"], arguments=recipe.get("arguments"))
        model.load_state_dict(state["weights"])
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        msg = f"{path}: its weights and its recipe do not belong together ({type(error).__name__}); train again."
        raise SourceError(msg) from error
    return model.eval(), state
