"""What a network is trained on: crops from shards, crops of sharp pictures that are blurred on the way, or both by halves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

from blurdata import transforms
from blurdata.errors import RecipeError, SourceError
from blurdata.files import fingerprint_files, image_size, read_image
from blurdata.layouts import is_shards
from blurdata.naming import walk_images
from blurdata.pair_types import Sharp
from blurdata.pairs import eight_bits
from blurdata.shards import Augment, ShardDataset
from blurdata.shards.augment import Moves, draw_box
from blurdata.shards.order import sample_seed
from blurdata.training.recipe import TrainRecipe
from blurdata.transforms.kinds import ALL_KINDS

Sample = dict[str, Any]
_AUGMENT = {"none": None, "geometry": Augment(), "gopro": Augment.gopro()}


@dataclass(frozen=True)
class TrainingPairs:
    """Where the pairs of a run come from; :meth:`crops` opens them for a stage.

    Args:
        recipe: Says ``pairs``, ``blur``, ``augment``, ``where`` and ``seed``.
        shards: Folder of shards, for ``shards`` and ``both``.
        sharp: Folder of sharp pictures (or of shards, whose sharp halves are taken), for ``online`` and ``both``; by default the shards.

    Raises:
        SourceError: If a folder is missing or holds nothing that the recipe keeps.
        RecipeError: If a crop is larger than a picture, a blur does not take its parameters, or some pairs have 8 bits and some 16.
    """

    recipe: TrainRecipe
    shards: Path | None = None
    sharp: Path | None = None

    def __post_init__(self) -> None:
        if self.recipe.pairs != "online" and self.shards is None:
            msg = f"pairs: {self.recipe.pairs} needs a folder of shards; give --shards DIR, or --pairs online --sharp DIR."
            raise SourceError(msg)
        if self._sharp is None:
            msg = "pairs: online needs sharp pictures; give --sharp DIR."
            raise SourceError(msg)
        if self.recipe.where and self.recipe.pairs == "online" and not is_shards(self._sharp):
            msg = f"`where` chooses among stored pairs, and {self._sharp} holds pictures, of which nothing is known; leave it out."
            raise RecipeError(msg)
        self._check()

    @property
    def _sharp(self) -> Path | None:
        return self.sharp or self.shards

    def crops(self, side: int) -> "Dataset[Sample]":
        """A map-style data set of square crops, indexed by (epoch, index) as ``ShardSampler`` yields them.

        A sample is ``{"blurry", "sharp", "key"}`` with (3, side, side) integer pictures, and depends on (seed, epoch, key) alone.
        """
        parts = [part(side) for part in self._parts()]
        return parts[0] if len(parts) == 1 else Halves(*parts)

    def provenance(self) -> dict[str, Any]:
        """What the pairs are, JSON-able: ids of the shards, a hash of the sharp pictures."""
        ids: dict[str, Any] = {}
        for name, root in (("shards", self.shards if self.recipe.pairs != "online" else None), ("sharp", self._used_sharp)):
            if root is not None and is_shards(root):
                ids[name] = dict(ShardDataset(root).provenance)
            elif root is not None:
                ids[name] = {"pictures": fingerprint_files(walk_images(root), root=root)}
        return ids

    @property
    def _used_sharp(self) -> Path | None:
        return self._sharp if self.recipe.pairs != "shards" else None

    def _parts(self) -> list[Callable[[int], Any]]:
        stored = [partial(self._from_shards, self.shards, 0, None)] if self.recipe.pairs != "online" and self.shards else []
        return stored + ([self._online] if self._used_sharp else [])

    def _from_shards(self, root: Path, margin: int, transform: Callable[[Sample], Sample] | None, side: int) -> ShardDataset:
        side += 2 * margin
        recipe = self.recipe
        where = recipe.where or ""
        return ShardDataset(root, (side, side), transform, where=where, augment=_AUGMENT[recipe.augment], seed=recipe.seed)

    def _online(self, side: int) -> "ShardDataset | SharpPictures":
        blur, margin, root = OnBlur(self.recipe), self.recipe.blur_margin_px, self._used_sharp
        if root is not None and is_shards(root):
            return self._from_shards(root, margin, blur, side)
        return SharpPictures(Path(root or ""), side + 2 * margin, blur, augment=_AUGMENT[self.recipe.augment], seed=self.recipe.seed)

    def _check(self) -> None:
        """Open everything once, compare all picture sizes with the largest crop, and the depths with each other."""
        side = max(stage.crop for stage in self.recipe.stages)
        parts = [part(side) for part in self._parts()]
        for crops in parts:
            root = self._used_sharp if self._used_sharp and crops is parts[-1] else self.shards
            if not len(crops):
                msg = f"{root}: holds no pair that meets '{self.recipe.where}'; change `where`."
                raise SourceError(msg)
            needed, depth_of = crops.crop_hw[0], dict[int, str]()
            for index in range(len(crops)):
                depth_of[crops.bits(index)] = crops.keys[index]
                if min(crops.size_hw(index)) < needed:
                    height, width = crops.size_hw(index)
                    around = f" and {needed - side} px around it for the blur" if needed > side else ""
                    msg = f"'{crops.keys[index]}' of {height} x {width} px is smaller than the crop of {side} px{around}; "
                    msg += "choose a smaller crop in `stages`, or leave such pictures out."
                    raise RecipeError(msg)
            if len(depth_of) > 1:
                one, other = (f"{bits}-bit pairs ('{key}')" for bits, key in sorted(depth_of.items()))
                msg = f"{root}: holds {one} beside {other}, which no batch takes together; "
                msg += "choose those of one depth by `where`, or pack all with 8 bits."
                raise RecipeError(msg)
        depths = [crops[(0, 0)]["sharp"].dtype for crops in parts]
        if len(set(depths)) > 1:
            stored, made = (str(depth).removeprefix("torch.") for depth in depths)
            msg = f"{self.shards} holds {stored} pairs and those made of {self.sharp} are {made}; pack 8-bit shards, or leave --sharp out."
            raise RecipeError(msg)


class OnBlur:
    """The recipe's degradations of a sample's sharp half, then the margin cut off and the noise of its augmentation added."""

    def __init__(self, recipe: TrainRecipe) -> None:
        self.margin = recipe.blur_margin_px
        try:
            chain = [_transform(blur.kind)(**blur.parameters, curve=blur.curve, p=blur.p) for blur in recipe.blur]
        except (TypeError, ValueError) as error:
            msg = f"The recipe's `blur` cannot be made: {str(error).rstrip('.')}."
            raise RecipeError(msg) from error
        self.pair = transforms.MakePair(v2.Compose(chain) if len(chain) > 1 else chain[0])
        augment = _AUGMENT[recipe.augment]
        self.noise_sd = augment.noise_sd if augment is not None else 0.0

    def __call__(self, sample: Sample) -> Sample:
        """The sample with its blurry half made anew."""
        pair: Sample = self.pair(sample)
        m = self.margin
        blurry, sharp = (pair[half][..., m : -m or None, m : -m or None] for half in ("blurry", "sharp"))
        if self.noise_sd:
            sigma, seed = abs(float(torch.randn(()))) * self.noise_sd, int(torch.randint(2**62, ()))
            blurry = Moves(noise_sigma=sigma, noise_seed=seed).noise(blurry)
        return {**pair, "blurry": blurry, "sharp": sharp}


def _transform(kind: str) -> Callable[..., Any]:
    """The torchvision transform of a kind, which has the name of its degradation."""
    transform: Callable[..., Any] = getattr(transforms, ALL_KINDS[kind].__name__)
    return transform


class SharpPictures(Dataset[Sample]):
    """Square crops of the pictures under a folder; ``blur`` makes their blurry halves. 16-bit pictures are read as 8-bit ones."""

    def __init__(self, root: Path, side: int, blur: Callable[[Sample], Sample], *, augment: Augment | None, seed: int) -> None:
        self._root, self._files = root, walk_images(root)
        if not self._files:
            msg = f"{root}: holds no pictures."
            raise SourceError(msg)
        self.crop_hw, self._blur, self._augment, self._seed = (side, side), blur, augment, seed
        self.keys = [path.relative_to(root).as_posix() for path in self._files]

    def __len__(self) -> int:
        return len(self._files)

    def size_hw(self, index: int) -> tuple[int, int]:
        """Height and width of a picture."""
        return image_size(self._files[index])

    def bits(self, _index: int) -> int:
        """Bits of the crops' code values."""
        return 8

    def __getitem__(self, place: tuple[int, int]) -> Sample:
        epoch, index = place
        seed = sample_seed(self._seed, epoch, self.keys[index])
        rng = np.random.Generator(np.random.Philox(key=seed))
        picture = read_image(self._files[index])
        y, x, height, width = draw_box((picture.shape[0], picture.shape[1]), self.crop_hw, rng)
        crop = eight_bits(picture[y : y + height, x : x + width])
        moves = self._augment.draw(rng) if self._augment is not None else Moves()
        sharp: Tensor = moves.colour(torch.from_numpy(moves.geometry(crop).transpose(2, 0, 1).copy()))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self._blur({"sharp": Sharp(sharp), "key": self.keys[index]})


class Halves(Dataset[Sample]):
    """Two data sets as one, each giving half of every epoch; the smaller one comes round more often, with new crops each time."""

    def __init__(self, stored: Any, made: Any) -> None:
        self._both = (stored, made)
        self._each = max(len(stored), len(made))

    def __len__(self) -> int:
        return 2 * self._each

    def __getitem__(self, place: tuple[int, int]) -> Sample:
        epoch, index = place
        chosen = self._both[index % 2]
        rounds = -(-self._each // len(chosen))
        turn, inside = divmod(index // 2, len(chosen))
        sample: Mapping[str, Any] = chosen[epoch * rounds + turn, inside]
        return dict(sample)
