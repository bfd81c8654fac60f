"""ShardDataset reads crops of pairs the same way in any process, and keeps the halves aligned."""

import multiprocessing as mp
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.transforms import v2

from blurdata.errors import SourceError
from blurdata.pair_types import Sharp
from blurdata.pairs import Pair, PairList
from blurdata.shards import Augment, Settings, ShardDataset, ShardSampler, build
from blurdata.shards.augment import Moves

SIZE = (40, 56)


def coordinates(index: int) -> Pair:
    """A pair whose pixels say where they are: sharp holds (x, y, index), blurry the same plus 100 in the last channel."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.uint8)
    sharp = np.stack((x, y, np.full_like(x, index)), -1)
    vectors = np.stack((np.full(SIZE, 2.0), np.full(SIZE, 1.0)), -1).astype(np.float32)
    psf = np.zeros((3, 5), np.float32)
    psf[0, 4] = 1
    meta = {"sequence": f"s{index // 6}", "position": index % 6, "blur_px_p95": float(index)}
    return Pair(f"s{index // 6}/{index:04d}", sharp + np.array([0, 0, 100], np.uint8), sharp, meta, {"blur_vectors": vectors, "psf": psf})


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pairs of two sequences in four shards."""
    folder = tmp_path_factory.mktemp("shards")
    build(PairList([coordinates(index) for index in range(12)]), folder, settings=Settings(pairs=3, chunk=16))
    return folder


def same(a: dict, b: dict) -> bool:
    """Whether two samples are equal."""
    return a["key"] == b["key"] and torch.equal(a["blurry"], b["blurry"]) and torch.equal(a["sharp"], b["sharp"])


def test_whole_pairs(shards: Path) -> None:
    """Without a crop a sample is the whole pair as two image types and its key."""
    sample = ShardDataset(shards)[4]
    expected = coordinates(4)
    assert sample["key"] == expected.key
    assert type(sample["blurry"]) is tv_tensors.Image
    assert type(sample["sharp"]) is Sharp
    np.testing.assert_array_equal(sample["sharp"].numpy().transpose(1, 2, 0), expected.sharp)
    np.testing.assert_array_equal(sample["blurry"].numpy().transpose(1, 2, 0), expected.blurry)


@pytest.mark.parametrize("crop_hw", [(16, 16), (40, 56), (1, 1), (13, 29)])
@pytest.mark.parametrize("augment", [None, Augment()])
def test_crops_and_turns_keep_halves_aligned(shards: Path, crop_hw: tuple[int, int], augment: Augment | None) -> None:
    """Every crop has the asked shape, and both halves show the same pixels of the same place after any flip and turn."""
    dataset = ShardDataset(shards, crop_hw=crop_hw, augment=augment)
    corners = set()
    for epoch in range(20):
        sample = dataset[epoch, 3]
        sharp, blurry = sample["sharp"].int(), sample["blurry"].int()
        assert tuple(sharp.shape) == (3, *crop_hw)
        torch.testing.assert_close(blurry - sharp, torch.tensor([0, 0, 100]).int()[:, None, None].expand_as(sharp))
        x, y = sharp[0], sharp[1]
        assert (int(x.max() - x.min()) + 1) * (int(y.max() - y.min()) + 1) == crop_hw[0] * crop_hw[1]
        corners.add((int(x[0, 0]), int(y[0, 0])))
    assert len(corners) > 3 or (augment is None and crop_hw == SIZE)


def test_all_eight_positions_come_up(shards: Path) -> None:
    """Flips and quarter turns give all eight positions of a square crop."""
    dataset = ShardDataset(shards, crop_hw=(16, 16), augment=Augment())
    corners = set()
    for epoch in range(100):
        x, y = dataset[epoch, 0]["sharp"][:2].int()
        corners.add((int(x[0, 1] - x[0, 0]), int(y[0, 1] - y[0, 0]), int(x[1, 0] - x[0, 0]), int(y[1, 0] - y[0, 0])))
    assert len(corners) == 8


def test_extras_move_along(shards: Path) -> None:
    """Blur vectors and PSFs are flipped and turned with the picture: they keep pointing along the same pixels."""
    dataset = ShardDataset(shards, crop_hw=(16, 16), augment=Augment(), extras=("blur_vectors", "psf"))
    seen = set()
    for epoch in range(60):
        sample = dataset[epoch, 0]
        dx, dy = (int(value) for value in sample["blur_vectors"][:, 5, 5])
        x, y = sample["sharp"][:2].int()
        moved = (int(x[5 + dy, 5 + dx] - x[5, 5]), int(y[5 + dy, 5 + dx] - y[5, 5]))
        row, column = (int(v) for v in np.argwhere(sample["psf"][0].numpy())[0])
        centre = [(side - 1) // 2 for side in sample["psf"].shape[1:]]
        px, py = column - centre[1], row - centre[0]
        lit = (int(x[5 + py, 5 + px] - x[5, 5]), int(y[5 + py, 5 + px] - y[5, 5]))
        assert moved == (2, 1)
        assert lit == (2, -1)
        seen.add((dx, dy))
    assert len(seen) == 8


def test_gopro_augmentation(shards: Path) -> None:
    """Channels are permuted alike in both halves, and noise meets the blurry half alone, with the published strength."""
    dataset = ShardDataset(shards, crop_hw=(32, 32), augment=Augment(flip=False, turn=False, permute_channels=True, noise_sd=2 / 255))
    orders, deviations = set(), []
    for epoch in range(60):
        sample = dataset[epoch, 7]
        sharp, blurry = sample["sharp"].float(), sample["blurry"].float()
        index = next(channel for channel in range(3) if float(sharp[channel].min()) == float(sharp[channel].max()) == 7)
        orders.add((index, bool(sharp[(index + 1) % 3, 1, 0] > sharp[(index + 1) % 3, 0, 0])))
        noise = (blurry - sharp)[index] - 100
        deviations.append(float(noise.std()))
    assert len(orders) == 6
    assert 0.8 < np.mean(np.square(deviations)) ** 0.5 / 2 < 1.3  # sigma ~ N(0, 2): its root mean square is 2


def test_saturation_is_that_of_hsv() -> None:
    """Saturation scales by the factor with hue and value kept, as computed by the textbook formula with colorsys."""
    import colorsys

    from blurdata.shards.augment import saturate

    pixels = torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for factor in (0.5, 0.9, 1.5):
        actual = saturate(pixels, factor)
        for y, x in np.ndindex(8, 8):
            h, s, v = colorsys.rgb_to_hsv(*(pixels[:, y, x] / 255).tolist())
            expected = [255 * c for c in colorsys.hsv_to_rgb(h, min(1.0, s * factor), v)]
            np.testing.assert_allclose(actual[:, y, x].tolist(), expected, atol=0.51)


def test_samples_depend_on_seed_epoch_and_key_alone(shards: Path) -> None:
    """(epoch, index) gives the same crop, augmentation and transform whatever came before, and other epochs and seeds another."""
    transform = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomResizedCrop(8, antialias=False)])

    def make(seed: int = 0) -> ShardDataset:
        return ShardDataset(shards, (20, 20), transform, augment=Augment.gopro(), seed=seed)

    one, two = make(), make()
    torch.manual_seed(1)
    first = [one[2, index] for index in range(12)]
    before = torch.get_rng_state()
    torch.manual_seed(99)
    second = [two[2, index] for index in reversed(range(12))][::-1]

    assert all(same(a, b) for a, b in zip(first, second, strict=True))
    assert not all(same(one[3, index], first[index]) for index in range(12))
    assert not all(same(make(seed=1)[2, index], first[index]) for index in range(12))
    torch.manual_seed(1)
    one[2, 0]
    assert not torch.equal(torch.get_rng_state(), before) or torch.equal(torch.get_rng_state(), before)


def test_torch_generator_is_left_alone(shards: Path) -> None:
    """A seeded sample draws nothing from torch's generator; a plain index draws from it, so crops differ from call to call."""
    dataset = ShardDataset(shards, (8, 8), v2.RandomHorizontalFlip())
    before = torch.get_rng_state()
    dataset[0, 0]
    assert torch.equal(torch.get_rng_state(), before)
    assert len({dataset[0]["sharp"].numpy().tobytes() for _ in range(8)}) > 1


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_every_kind_read_the_same(shards: Path, method: str) -> None:
    """A data set that was used, with files open, reads the same in forked, spawned and fork-served workers."""
    dataset = ShardDataset(shards, (16, 16), augment=Augment())
    sampler = ShardSampler(dataset, seed=4)
    expected = {sample["key"]: sample for sample in (dataset[item] for item in sampler)}
    sampler.set_epoch(0)
    workers = 2 if method == "fork" else 1  # each imports torch anew
    loader = DataLoader(dataset, batch_size=5, sampler=sampler, num_workers=workers, multiprocessing_context=mp.get_context(method))
    keys = []
    for batch in loader:
        keys += batch["key"]
        for key, blurry, sharp in zip(batch["key"], batch["blurry"], batch["sharp"], strict=True):
            assert torch.equal(sharp, expected[key]["sharp"])
            assert torch.equal(blurry, expected[key]["blurry"])
    assert sorted(keys) == sorted(expected)


def test_pickle_drops_open_files(shards: Path) -> None:
    """A used data set pickles small and reads the same afterwards."""
    dataset = ShardDataset(shards)
    expected = dataset[0]
    copy = pickle.loads(pickle.dumps(dataset))
    assert same(copy[0], expected)


def test_few_files_stay_open(shards: Path) -> None:
    """No more files than asked for are open, whatever was read."""
    dataset = ShardDataset(shards, max_open=2)
    for index in (0, 3, 6, 9, 0, 11):
        assert dataset[index]["key"] == coordinates(index).key

    def is_shard(link: Path) -> bool:
        try:
            return link.readlink().is_relative_to(shards)
        except OSError:
            return False

    assert sum(is_shard(link) for link in Path("/proc/self/fd").iterdir()) == 2


def test_clips_are_runs_of_one_sequence(shards: Path) -> None:
    """A clip is T consecutive pairs of one sequence with one crop and augmentation; runs never cross sequences or gaps."""
    dataset = ShardDataset(shards, (12, 20), clip=3, augment=Augment())
    assert dataset.keys == [coordinates(index).key for index in (0, 1, 2, 3, 6, 7, 8, 9)]
    sample = dataset[5, 1]
    assert tuple(sample["sharp"].shape) == (3, 3, 12, 20)
    assert sample["sharp"][:, 2, 0, 0].tolist() == [1, 2, 3]
    assert torch.equal(sample["sharp"][0, :2], sample["sharp"][2, :2])

    gaps = ShardDataset(shards, clip=2, where="blur_px_p95 != 2 and blur_px_p95 != 9")
    assert gaps.keys == [coordinates(index).key for index in (0, 3, 4, 6, 7, 10)]


def test_where_and_balance(shards: Path) -> None:
    """`where` keeps what it says, and a balanced sampler draws octaves of blur evenly."""
    dataset = ShardDataset(shards, where="1 <= blur_px_p95 < 8")
    assert dataset.values("blur_px_p95") == [1, 2, 3, 4, 5, 6, 7]
    drawn = [dataset.values("blur_px_p95")[index] for _, index in ShardSampler(dataset, balance="blur_px_p95")]
    assert sorted([sum(v < 2 for v in drawn), sum(2 <= v < 4 for v in drawn), sum(v >= 4 for v in drawn)]) == [2, 2, 3]
    with pytest.raises(SourceError, match="sharpness"):
        dataset.values("sharpness")
    with pytest.raises(SourceError, match="did you mean"):
        ShardDataset(shards, where="blur_px_p59 < 3")


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda root: ShardDataset(root, crop_hw=(41, 8))[0], ValueError, "larger than pair"),
        (lambda root: ShardDataset(root, crop_hw=(0, 8)), ValueError, "at least 1 pixel"),
        (lambda root: ShardDataset(root, crop_hw=8), ValueError, "a height and a width"),
        (lambda root: ShardDataset(root, crop_hw=(8.5, 8)), ValueError, "a height and a width"),
        (lambda root: ShardDataset(root, crop_hw="88"), ValueError, "a height and a width"),
        (lambda root: ShardDataset(root, clip=0), ValueError, "clip"),
        (lambda root: ShardDataset(root, clip=2.0), ValueError, "clip"),
        (lambda root: ShardDataset(root / "plan.json"), SourceError, "holds no shards"),
        (lambda root: ShardDataset(root)[12], IndexError, "range"),
        (lambda root: ShardDataset(root / "none"), SourceError, "holds no shards"),
        (lambda root: ShardDataset(root, extras=("depth",)), SourceError, "no extra 'depth'; they have blur_vectors, psf"),
        (lambda root: ShardDataset(root, extras="depth"), SourceError, "no extra 'depth'; they have blur_vectors, psf"),
    ],
)
def test_wrong_use_is_told(shards: Path, make: Callable[[Path], object], error: type[Exception], words: str) -> None:
    """Wrong arguments fail at once with what was wrong."""
    with pytest.raises(error, match=words):
        make(shards)


def test_16_bit_and_mixed_sizes(tmp_path: Path) -> None:
    """16-bit pairs stay 16-bit and pictures of different sizes live side by side."""
    rng = np.random.default_rng(0)
    pairs = []
    for index in range(4):
        sharp = rng.integers(0, 65536, (20 + index, 30, 3), np.uint16)
        pairs.append(Pair(f"a/{index}", sharp, sharp, {}))
    build(PairList(pairs), tmp_path)
    dataset = ShardDataset(tmp_path, (18, 18), augment=Augment())
    batch = next(iter(DataLoader(dataset, batch_size=4)))
    assert batch["sharp"].dtype == torch.uint16
    np.testing.assert_array_equal(ShardDataset(tmp_path)[3]["sharp"].numpy(), pairs[3].sharp.transpose(2, 0, 1))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_planes_are_the_moved_picture(dtype: type) -> None:
    """The fast way from (H, W, 3) to a flipped and turned (3, H, W) gives what numpy's flip and rot90 give."""
    picture = np.random.default_rng(0).integers(0, 256, (13, 21, 3)).astype(dtype)
    for flip in (False, True):
        for turns in range(4):
            expected = np.rot90(picture[:, ::-1] if flip else picture, turns).transpose(2, 0, 1)
            moves = Moves(flip=flip, turns=turns)
            moved = np.empty((3, *moves.moved_hw(picture.shape[:2])), dtype)
            moves.planes(picture, moved)
            np.testing.assert_array_equal(moved, expected)


def test_noted_steps_count_once_with_workers_that_read_ahead(shards: Path) -> None:
    """Workers fetch a whole small epoch before the first step; the epochs still follow each other."""
    dataset = ShardDataset(shards, (8, 8))
    sampler = ShardSampler(dataset)
    loader = DataLoader(dataset, batch_size=4, sampler=sampler, num_workers=2)
    for epoch in range(2):
        for batch in loader:
            sampler.advance(len(batch["key"]))
        assert sampler.state_dict() == {"epoch": epoch + 1, "consumed": 0}


def test_clips_of_pictures_of_different_sizes(tmp_path: Path) -> None:
    """The one crop of a clip lies inside all of its frames; one that fits not all of them is told as that, not as damage."""
    rng = np.random.default_rng(0)
    pairs = []
    for index in range(9):
        sharp = rng.integers(0, 256, (32 - 4 * (index % 3), 20 + 4 * (index % 3), 3), np.uint8)
        pairs.append(Pair(f"a/{index}", sharp, sharp, {}))
    build(PairList(pairs), tmp_path)
    dataset = ShardDataset(tmp_path, (24, 20), clip=3)
    for epoch in range(20):
        for index in range(len(dataset)):
            assert tuple(dataset[epoch, index]["sharp"].shape) == (3, 3, 24, 20)
    with pytest.raises(ValueError, match="a pair of the clip from 'a/0'"):
        ShardDataset(tmp_path, (25, 20), clip=3)[0]


@pytest.mark.parametrize("position", [None, "first"])
def test_clips_without_usable_positions_follow_the_order(tmp_path: Path, position: str | None) -> None:
    """Meta data of other tools may call anything a position; what is no number does not count."""
    grey = np.full((8, 8, 3), 128, np.uint8)
    build(PairList([Pair(f"a/{index}", grey, grey, {"position": position}) for index in range(3)]), tmp_path)
    assert ShardDataset(tmp_path, clip=2).keys == ["a/0", "a/1"]
