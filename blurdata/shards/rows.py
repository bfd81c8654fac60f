"""Samples of one batch: written side by side from the start, so that putting them together copies nothing.

torch's default collate function puts a dictionary of samples together by the type of the sample; samples of a batch have a type
of their own for that, which no transform ever sees.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import get_worker_info
from torch.utils.data._utils.collate import collate, default_collate_fn_map

from blurdata.shards.slots import lent_tensor

MakeTensor = Callable[[str, tuple[int, ...], np.dtype[Any]], torch.Tensor]
_NO_BLOCKS: Mapping[str, torch.Tensor] = {}


class Row(dict[str, Any]):
    """A sample whose tensors, unless a transform replaced them, are row ``place`` of the batch's blocks."""

    blocks: Mapping[str, torch.Tensor] = _NO_BLOCKS


def as_rows(sample: Callable[[Any, MakeTensor], Any], indices: Sequence[Any]) -> list[Any]:
    """The samples of a batch; dictionaries become rows, and what else a transform may give stays what it is."""
    blocks: dict[str, torch.Tensor] = {}
    rows: dict[str, tuple[tuple[int, ...], np.dtype[Any], Sequence[torch.Tensor]]] = {}
    found = []
    for place, index in enumerate(indices):

        def make(name: str, shape: tuple[int, ...], dtype: np.dtype[Any], place: int = place) -> torch.Tensor:
            if name not in rows:
                blocks[name] = _block((len(indices), *shape), dtype)
                rows[name] = shape, dtype, blocks[name].unbind()
            first_shape, first_dtype, its_rows = rows[name]
            same = (first_shape, first_dtype) == (shape, dtype)
            return its_rows[place] if same else torch.from_numpy(np.empty(shape, dtype))

        one = sample(index, make)
        if type(one) is dict:
            one = Row(one)
            one.blocks = blocks
        found.append(one)
    return found


def _block(shape: tuple[int, ...], dtype: np.dtype[Any]) -> torch.Tensor:
    """Room for a batch; in a worker, memory that the training process can read as well."""
    if get_worker_info() is None:
        return torch.from_numpy(np.empty(shape, dtype))
    return lent_tensor(shape, dtype)


def _collate_rows(rows: Sequence[Row], *, collate_fn_map: Any = None) -> dict[str, Any]:
    """A batch of rows."""
    return {name: _together(rows, name, collate_fn_map) for name in rows[0]}


def _together(rows: Sequence[Row], name: str, collate_fn_map: Any) -> Any:
    values = [row[name] for row in rows]
    block = rows[0].blocks.get(name)
    if block is not None and len(block) == len(values) and all(map(_is_row, values, block)):
        return block
    if get_worker_info() is not None and _alike(values):
        block = lent_tensor((len(values), *values[0].shape), values[0].numpy().dtype)
        torch.stack(values, out=block)
        return block
    return collate(values, collate_fn_map=collate_fn_map)


def _is_row(value: Any, row: torch.Tensor) -> bool:
    """Whether a value still is what was written to the block."""
    same_type = isinstance(value, torch.Tensor) and value.dtype == row.dtype and value.shape == row.shape
    return same_type and value.data_ptr() == row.data_ptr() and value.stride() == row.stride()


def _alike(values: Sequence[Any]) -> bool:
    """Whether values are plain tensors in memory that can be put together."""
    first = values[0]
    return all(
        isinstance(value, torch.Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_nested
        and not value.requires_grad
        and (value.shape, value.dtype) == (first.shape, first.dtype)
        for value in values
    )


default_collate_fn_map[Row] = _collate_rows
