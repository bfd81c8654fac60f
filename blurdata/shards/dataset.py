"""Pairs for training: only the crop is read, and what happens to a sample depends on (seed, epoch, key) alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset
from torchvision import tv_tensors

from blurdata.errors import SourceError
from blurdata.pair_types import Sharp
from blurdata.scratch import Scratch
from blurdata.shards.augment import Augment, Moves, draw_box
from blurdata.shards.chunks import Box
from blurdata.shards.order import runs, sample_rng, sample_seed
from blurdata.shards.reader import MAX_OPEN, ShardReader
from blurdata.shards.rows import MakeTensor, as_rows

Sample = dict[str, Any]
_scratch = Scratch()


class ShardDataset(Dataset[Sample]):
    """Blurry/sharp pairs of a folder of shards as torchvision images, for training.

    A sample is ``{"blurry": Image, "sharp": Sharp, "key": str}`` with (3, H, W) uint8 (or uint16) pictures, (T, 3, H, W) for
    clips. Make floats of them on the collated batch, on the device: workers then ship a quarter of the bytes.

    Index it with (epoch, index), as :class:`ShardSampler` does, and a sample's crop and augmentation depend on (seed, epoch,
    key) alone, whatever the worker or rank. A plain index draws them from torch's generator, as torchvision transforms do.
    Files open on first use in each process, so the data set may be pickled, forked and spawned. Batches of a ``DataLoader`` with
    workers lie in shared memory that a worker uses again once nothing holds a part of it; what is held is never written to.

    Args:
        root: The folder that ``build`` or ``blurdata pack`` wrote.
        crop_hw: Height and width of a random crop, the same for both halves, and all that is read; None reads whole pictures.
        transform: Called with the sample, and its result is returned; a torchvision v2 transform moves both halves alike.
        where: Keep only pairs whose meta data meet this condition, such as ``"blur_px_p95 < 25"`` (see ``shards.where``).
        clip: Samples are runs of this many consecutive pairs of one sequence with one crop; ``key`` is the first pair's.
        augment: Flips, quarter turns and colour for both halves. Quarter turns that would change the shape of the sample
            become none or half turns.
        extras: Names of extra arrays that every pair has and a sample shall hold, moved along: ``mask``, ``blur_vectors``
            (x right, y down), ``psf``. Each becomes a (C, H, W) tensor; ``psf`` is turned and flipped but not cropped.
        seed: Start of all randomness.
        allow_incomplete: Use a set whose build has not finished.
        max_open: Shard files a process keeps open, up to 2 MB each; reads from others are about three times slower.

    Raises:
        SourceError: If ``root`` holds no shards or the condition cannot be read.
        Incomplete: If shards are missing.
        ShardCorrupt: When damaged data are read; it names shard and key.
        ValueError: If the crop does not fit a picture.

    Example:
        >>> import tempfile
        >>> from blurdata.pairs import Pair, PairList
        >>> from blurdata.shards import build
        >>> grey, folder = np.full((32, 48, 3), 128, np.uint8), tempfile.mkdtemp()
        >>> _ = build(PairList([Pair("a/0", grey, grey)]), folder)
        >>> sample = ShardDataset(folder, crop_hw=(16, 16))[0]
        >>> sample["key"], tuple(sample["blurry"].shape), sample["sharp"].dtype
        ('a/0', (3, 16, 16), torch.uint8)
    """

    def __init__(
        self,
        root: Path | str,
        crop_hw: tuple[int, int] | None = None,
        transform: Callable[[Sample], Any] | None = None,
        *,
        where: str = "",
        clip: int = 1,
        augment: Augment | None = None,
        extras: Sequence[str] = (),
        seed: int = 0,
        allow_incomplete: bool = False,
        max_open: int = MAX_OPEN,
    ) -> None:
        _check_arguments(crop_hw, clip)
        self._reader = ShardReader(root, allow_incomplete=allow_incomplete, max_open=max_open)
        self._kept = self._reader.select(where)
        self._starts = range(len(self._kept)) if clip == 1 else self._find_runs(clip)
        self.crop_hw, self.transform, self.clip, self.seed = crop_hw, transform, clip, seed
        self._augment, self._extras = augment, (extras,) if isinstance(extras, str) else tuple(extras)
        self._check_extras()

    def _check_extras(self) -> None:
        there = self._reader.extra_names(self._kept[0]) if self._extras and self._kept else self._extras
        for name in self._extras:
            if name not in there:
                msg = f"{self._reader.root}: its pairs have no extra '{name}'; they have {', '.join(there) or 'none'}."
                raise SourceError(msg)

    def _find_runs(self, clip: int) -> list[int]:
        metas = [self._reader.meta(position) for position in self._kept]
        keys = [self._reader.plan.keys[position] for position in self._kept]
        sequences = [str(meta.get("sequence") or key.rpartition("/")[0]) for meta, key in zip(metas, keys, strict=True)]
        told = [meta.get("position") for meta in metas]
        positions = [int(one) if isinstance(one, (int, float)) else kept for one, kept in zip(told, self._kept, strict=True)]
        return runs(sequences, positions, clip)

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def keys(self) -> list[str]:
        """The key of each sample; of a clip, that of its first pair."""
        return [self._reader.plan.keys[self._kept[start]] for start in self._starts]

    @property
    def provenance(self) -> Mapping[str, str]:
        """What the pairs came from: source, plan id, recipe id."""
        plan = self._reader.plan
        return {"source": plan.source, "plan_id": plan.id, "recipe_id": plan.recipe_id}

    def size_hw(self, index: int) -> tuple[int, int]:
        """Height and width of a sample's pictures before they are cropped."""
        return self._reader.size(self._kept[self._starts[index]])

    def bits(self, index: int) -> int:
        """Bits of a sample's code values, 8 or 16; of a clip, of its first pair's."""
        position = self._kept[self._starts[index]]
        height, width = self._reader.size(position)
        return 8 * self._reader.nbytes(position) // (6 * height * width)

    def meta(self, index: int) -> Mapping[str, Any]:
        """What is known of a sample; of a clip, of its first pair."""
        return self._reader.meta(self._kept[self._starts[index]])

    def values(self, field: str) -> list[float]:
        """One number of the meta data for each sample.

        Raises:
            SourceError: If a pair has no such number.
        """
        found = [self.meta(index).get(field) for index in range(len(self))]
        for index, value in enumerate(found):
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                where = f"{self._reader.root}: pair '{self.keys[index]}'"
                msg = f"{where} has no number '{field}' in its meta data; choose a field that all have, or none."
                raise SourceError(msg)
        return [float(value) for value in found if value is not None]

    def __getitem__(self, index: int | tuple[int, int]) -> Any:
        return self._sample(index, _empty)

    def __getitems__(self, indices: Sequence[int | tuple[int, int]]) -> list[Any]:
        """The samples of a batch; pictures of one size lie in one block, so that putting them together costs nothing more."""
        if type(self).__getitem__ is not ShardDataset.__getitem__:
            return [self[index] for index in indices]
        return as_rows(lambda index, make: self._sample(index, make), indices)

    def _sample(self, index: int | tuple[int, int], make: MakeTensor) -> Any:
        epoch, index = index if isinstance(index, tuple) else (None, index)
        start = self._starts[index]
        positions = self._kept[start : start + self.clip]
        key = self._reader.plan.keys[positions[0]]
        seed = int(torch.randint(2**62, ())) if epoch is None else sample_seed(self.seed, epoch, key)
        moves, box = self._chance(positions, seed)
        sample = self._read(positions, moves, box, make)
        sample["key"] = key
        return sample if self.transform is None else _seeded(self.transform, sample, seed)

    def _chance(self, positions: Sequence[int], seed: int) -> tuple[Moves, Box | None]:
        """The augmentation and crop of a sample; without either, no header is read."""
        if self.crop_hw is None and self._augment is None:
            return Moves(), None
        rng = sample_rng(seed)
        moves = self._augment.draw(rng) if self._augment is not None else Moves()
        sizes = [self._reader.size(position) for position in positions]
        size = min(height for height, _ in sizes), min(width for _, width in sizes)  # where a crop lies in all frames of a clip
        height, width = self.crop_hw or size
        if height > size[0] or width > size[1]:
            key = self._reader.plan.keys[positions[0]]
            pair = "pair" if self.clip == 1 else "a pair of the clip from"
            msg = f"crop_hw {self.crop_hw} is larger than {pair} '{key}' of {size}; choose a smaller crop or leave it out with `where`."
            raise ValueError(msg)
        if moves.turns % 2:
            if self.crop_hw is not None and width <= size[0] and height <= size[1]:
                height, width = width, height
            elif height != width:
                moves = replace(moves, turns=moves.turns - 1)
        return moves, draw_box(size, (height, width), rng) if self.crop_hw else None

    def _read(self, positions: Sequence[int], moves: Moves, box: Box | None, make: MakeTensor) -> Sample:
        def half(name: str) -> torch.Tensor:
            return self._planes(name, positions, moves, make, lambda position: self._reader.image(position, name, box, _scratch))

        def extra(name: str) -> torch.Tensor:
            within = None if name == "psf" else box
            return self._planes(name, positions, moves, make, lambda position: self._reader.extra(position, name, within))

        blurry, sharp = moves.noise(moves.colour(half("blurry"))), moves.colour(half("sharp"))
        return {"blurry": tv_tensors.Image(blurry), "sharp": Sharp(sharp), **{name: extra(name) for name in self._extras}}

    def _planes(
        self, name: str, positions: Sequence[int], moves: Moves, make: MakeTensor, read: Callable[[int], NDArray[Any]]
    ) -> torch.Tensor:
        """Arrays of (H, W) or (H, W, C), moved, as one tensor of (C, H, W), (T, C, H, W) for clips."""
        out: list[torch.Tensor] = []
        for frame, position in enumerate(positions):
            array = read(position)
            array = array if array.ndim == 3 else array[..., None]
            shape = (array.shape[2], *moves.moved_hw(array.shape[:2]))
            if not out:
                out = [make(name, (self.clip, *shape) if self.clip > 1 else shape, array.dtype)]
            target = out[0][frame] if self.clip > 1 else out[0]
            if target.shape != shape:
                msg = f"The pairs of the clip from '{self._reader.plan.keys[positions[0]]}' on differ in size; give a crop_hw."
                raise ValueError(msg)
            if name == "blur_vectors":
                target.numpy()[...] = np.moveaxis(moves.vectors(array), -1, 0)
            else:
                moves.planes(array, target.numpy())
        return out[0]


def _empty(_name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> torch.Tensor:
    """A tensor of a sample that is on its own."""
    return torch.from_numpy(np.empty(shape, dtype))


def _check_arguments(crop_hw: tuple[int, int] | None, clip: int) -> None:
    if crop_hw is not None and not (isinstance(crop_hw, (tuple, list)) and len(crop_hw) == 2 and all(map(_is_count, crop_hw))):
        msg = f"crop_hw must be a height and a width of at least 1 pixel, got {crop_hw!r}."
        raise ValueError(msg)
    if not _is_count(clip):
        msg = f"clip must be a number of pairs, at least 1, got {clip!r}."
        raise ValueError(msg)


def _is_count(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and int(value) >= 1


def _seeded(transform: Callable[[Sample], Any], sample: Sample, seed: int) -> Any:
    """Run a transform with torch's generator seeded, and put the generator back. ``fork_rng`` does the same, 100 times slower."""
    before = torch.default_generator.get_state()
    torch.default_generator.manual_seed(seed)
    try:
        return transform(sample)
    finally:
        torch.default_generator.set_state(before)
