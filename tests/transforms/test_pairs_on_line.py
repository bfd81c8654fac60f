"""Pairs made on line, and parameters that travel with the sample."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from blurdata import transforms as T
from blurdata.errors import PairMismatch


class TestMakePair:
    """Sharp in, aligned pair out."""

    def test_pair_of_a_batch(self, batch: Tensor) -> None:
        """The sharp half keeps its bits and is of the type that degradations skip; the blurry half is an image."""
        pair = T.MakePair(T.MotionBlur(length_px=9))(batch)

        assert torch.equal(pair["sharp"].as_subclass(Tensor), batch)
        assert type(pair["sharp"]) is T.Sharp
        assert type(pair["blurry"]) is tv_tensors.Image
        assert not torch.equal(pair["blurry"].as_subclass(Tensor), batch)

    def test_halves_lie_on_each_other(self) -> None:
        """The centroid of a blurred point is where the point was."""
        point = torch.zeros(1, 1, 61, 61, dtype=torch.float64)
        point[..., 30, 30] = 1
        for blur in (
            T.MotionBlur(15, 33, curve="linear"),
            T.CameraShakeBlur(20, curve="linear"),
            T.DefocusBlur(4.3, blades=5, curve="linear"),
        ):
            blurry = T.MakePair(blur)(point)["blurry"][0, 0].numpy()
            y, x = np.mgrid[:61, :61]

            assert [(blurry * y).sum(), (blurry * x).sum()] == pytest.approx([30, 30], abs=1e-3)

    def test_geometry_and_degradations_that_follow(self, batch: Tensor) -> None:
        """A crop behind it moves both halves alike, noise behind it touches only the blurry one."""
        pipeline = v2.Compose([T.MakePair(T.MotionBlur(length_px=0)), v2.RandomCrop(20), T.SensorNoise(shot=1e-3)])
        pair = pipeline(batch)
        clean = v2.Compose([T.MakePair(T.MotionBlur(length_px=0)), v2.RandomCrop(20)])
        torch.manual_seed(0)
        halves = clean(batch)

        assert pair["blurry"].shape == pair["sharp"].shape == (4, 3, 20, 20)
        assert not torch.equal(pair["blurry"].as_subclass(Tensor), pair["sharp"].as_subclass(Tensor))
        assert torch.equal(halves["blurry"].as_subclass(Tensor), halves["sharp"].as_subclass(Tensor))

    def test_a_clip_has_one_draw(self, batch: Tensor) -> None:
        """A video stays one: all of its frames are blurred alike, and the pair is as long as the clip."""
        blur = T.MotionBlur(length_px=(3, 15))
        pair = T.MakePair(blur)(tv_tensors.Video(batch[:1].repeat(3, 1, 1, 1)))

        assert len(blur.last_params["length_px"]) == 1
        assert type(pair["blurry"]) is tv_tensors.Video
        assert torch.equal(pair["blurry"][0], pair["blurry"][2])
        assert v2.RandomCrop(20)(pair)["sharp"].shape == (3, 3, 20, 20)

    def test_halves_of_an_unchanged_picture_share_no_memory(self, batch: Tensor) -> None:
        """Where nothing was blurred the halves are equal, and an operation in place on one leaves the other alone."""
        pair = T.MakePair(T.MotionBlur(length_px=9, p=0))(batch)
        pair["blurry"].zero_()

        assert torch.equal(pair["sharp"].as_subclass(Tensor), batch)
        assert batch.any()

    @pytest.mark.parametrize("mode", ["P", "CMYK", "1"])
    def test_pictures_that_hold_no_code_values_are_refused(self, photo: np.ndarray, mode: str) -> None:
        """Indices into a palette cannot be blurred: the message says how to convert the picture."""
        with pytest.raises(TypeError, match=r"convert\("):
            T.MakePair(T.MotionBlur())(PillowImage.fromarray(photo).convert(mode))

    def test_keypoints_are_no_picture(self) -> None:
        """Points of a picture are refused."""
        with pytest.raises(TypeError, match="KeyPoints"):
            T.MakePair(T.MotionBlur())(tv_tensors.KeyPoints(torch.zeros(1, 2), canvas_size=(4, 4)))

    def test_other_entries_come_along(self, batch: Tensor) -> None:
        """A dict keeps its other entries, and a sharp half that is typed already is blurred into a blurry one."""
        sample = {"sharp": T.Sharp(batch), "key": ["a", "b", "c", "d"]}
        pair = T.MakePair(T.DefocusBlur(radius_px=3))(sample)

        assert pair["key"] is sample["key"]
        assert not torch.equal(pair["blurry"].as_subclass(Tensor), batch)

    def test_pil_pictures(self, photo: np.ndarray) -> None:
        """A PIL picture becomes two tensors of its size."""
        pair = T.MakePair(T.GaussianBlur())(PillowImage.fromarray(photo))

        assert pair["blurry"].shape == pair["sharp"].shape == (3, *photo.shape[:2])

    @pytest.mark.parametrize("blur", [v2.CenterCrop(8), v2.ToDtype(torch.float32, scale=True)])
    def test_blurs_that_change_the_size_are_refused(self, blur: Any, batch: Tensor) -> None:
        """What changes size or dtype makes no aligned pair: PairMismatch says what to do."""
        with pytest.raises(PairMismatch, match="behind MakePair"):
            T.MakePair(blur)(batch)

    @pytest.mark.parametrize("blur", [None, "motion", T.MotionBlur])
    def test_what_cannot_blur_is_refused(self, blur: Any) -> None:
        """It is told when the transform is made, not amid training; a class is not a transform yet."""
        with pytest.raises(TypeError, match="blur must be a transform"):
            T.MakePair(blur)

    @pytest.mark.parametrize(
        "blur", [v2.RandomApply([T.MotionBlur()]), torch.nn.Sequential(T.MotionBlur()), v2.Compose([v2.Compose([T.MotionBlur()])])]
    )
    def test_composed_blurs(self, blur: Any, batch: Tensor) -> None:
        """Whatever torchvision and torch compose transforms by may hold the blur."""
        assert T.MakePair(blur)(batch)["blurry"].shape == batch.shape

    def test_a_label_comes_along(self, batch: Tensor) -> None:
        """Further inputs come back as the same objects, as from every transform of torchvision."""
        label = torch.tensor([1, 2, 3, 4])

        pair, same = v2.Compose([T.MakePair(T.MotionBlur(length_px=9)), v2.CenterCrop(8)])(batch, label)

        assert pair["blurry"].shape == (4, 3, 8, 8)
        assert same is label

    @pytest.mark.parametrize("sample", [np.zeros((4, 4, 3), np.uint8), {"image": torch.zeros(3, 4, 4)}, {}, "a.png"])
    def test_what_is_no_picture_is_refused(self, sample: Any) -> None:
        """Anything else is a TypeError."""
        with pytest.raises(TypeError):
            T.MakePair(T.MotionBlur())(sample)


class _Photos(Dataset[Any]):
    """Eight copies of one picture through a transform."""

    def __init__(self, transform: Any) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Any:
        return self.transform(torch.full((3, 8, 8), 100, dtype=torch.uint8))


class TestWithParams:
    """Parameters returned with the sample."""

    def test_single_pictures_collate(self) -> None:
        """Numbers of single pictures collate to (B,) tensors, also where kinds differ from sample to sample."""
        loader = DataLoader(_Photos(T.WithParams(T.AnyBlur(weights={"motion": 1, "gaussian": 1}))), batch_size=8)
        torch.manual_seed(1)
        images, params = next(iter(loader))

        assert images.shape == (8, 3, 8, 8)
        assert params["length_px"].shape == (8,)
        assert set(params["kind"]) == {"motion", "gaussian"}

    def test_batches_keep_their_tensors(self, batch: Tensor) -> None:
        """A batch comes with the tensors of `last_params`."""
        blur = T.MotionBlur(p=0.5)
        _, params = T.WithParams(blur)(batch)

        assert params["length_px"].shape == params["applied"].shape == (4,)

    def test_workers_and_epochs_differ_and_seeds_repeat(self) -> None:
        """DataLoader workers draw differently from each other and from epoch to epoch; the same seed repeats all of it."""
        loader = DataLoader(_Photos(T.WithParams(T.MotionBlur())), batch_size=1, num_workers=2)
        runs = []
        for _ in range(2):
            torch.manual_seed(11)
            runs.append([params["length_px"].item() for _ in range(2) for _, params in loader])

        assert len(set(runs[0])) == 16
        assert runs[0] == runs[1]
