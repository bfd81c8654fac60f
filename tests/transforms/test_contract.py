"""What every transform promises, over all transforms, containers, and plain or pickled; a new transform is one new line."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from blurdata import transforms as T

ALL = {
    "motion": lambda **o: T.MotionBlur(length_px=(5, 15), **o),
    "shake": lambda **o: T.CameraShakeBlur(extent_px=(5, 15), **o),
    "disk": lambda **o: T.DefocusBlur(radius_px=(2, 5), **o),
    "polygon": lambda **o: T.DefocusBlur(radius_px=(2, 5), blades=(5, 7), **o),
    "highlights": lambda **o: T.MotionBlur(length_px=(5, 15), highlights=(0.25, 1.75), **o),
    "gaussian": lambda **o: T.GaussianBlur(sigma_px=(1, 3), ratio=(0.3, 1), **o),
    "zoom": lambda **o: T.ZoomBlur(zoom=(1.05, 1.2), roll_deg=(-3, 3), **o),
    "depth": lambda **o: T.DepthDefocusBlur(f_number=(0.5, 1.0), **o),
    "noise": lambda **o: T.SensorNoise(shot=(5e-4, 1e-3), **o),
    "saturation": lambda **o: T.Saturation(gain=(1.5, 3), **o),
    "imagenet_c": lambda **o: T.ImageNetCBlur(**o),
    "any": lambda **o: T.AnyBlur(severity=(0.3, 1), **o),
}
CONTAINERS: dict[str, Callable[[np.ndarray], Any]] = {
    "PIL": PillowImage.fromarray,
    "PIL grey": lambda photo: PillowImage.fromarray(photo[..., 0]),
    "Image": lambda photo: tv_tensors.Image(_chw(photo)),
    "Image batch": lambda photo: tv_tensors.Image(torch.stack([_chw(photo)] * 3)),
    "Video": lambda photo: tv_tensors.Video(torch.stack([_chw(photo)] * 3)),
    "Video batch": lambda photo: tv_tensors.Video(torch.stack([_chw(photo)] * 4).reshape(2, 2, 3, *photo.shape[:2])),
    "tensor": lambda photo: _chw(photo),
    "channels last": lambda photo: torch.from_numpy(photo).permute(2, 0, 1),
    "grey tensor": lambda photo: _chw(photo)[:1],
    "five channels": lambda photo: torch.cat([_chw(photo), _chw(photo)[:2]]),
    "uint16": lambda photo: torch.from_numpy(_chw(photo).numpy().astype(np.uint16) * np.uint16(257)),
    "float": lambda photo: _chw(photo) / 255,
    "bfloat16 batch": lambda photo: (torch.stack([_chw(photo)] * 2) / 255).bfloat16(),
    "double": lambda photo: _chw(photo).double() / 255,
}


def _chw(photo: np.ndarray) -> Tensor:
    return torch.from_numpy(photo).permute(2, 0, 1).contiguous()


def _array(picture: Any) -> np.ndarray:
    return np.asarray(picture) if isinstance(picture, PillowImage.Image) else picture.detach().as_subclass(Tensor).double().numpy()


@pytest.fixture(params=sorted(ALL))
def make(request: pytest.FixtureRequest) -> Callable[..., T.MotionBlur]:
    """Make one of the transforms."""
    return ALL[request.param]


class TestEveryContainer:
    """Kind, shape and dtype are kept, seeds repeat, copies agree."""

    @pytest.mark.parametrize("container", sorted(CONTAINERS))
    def test_keeps_its_kind_and_repeats(self, make: Callable[..., Any], container: str, photo: np.ndarray) -> None:
        """A picture comes back changed, of its own kind, size and dtype; the same seed gives the same bytes, also from a copy."""
        picture = CONTAINERS[container](photo)
        before = _array(picture).copy()
        transform = make()
        torch.manual_seed(3)
        out = transform(picture)
        copies = []
        for other in (transform, pickle.loads(pickle.dumps(transform)), copy.deepcopy(transform)):
            torch.manual_seed(3)
            copies.append(_array(other(picture)))

        assert type(out) is type(picture)
        assert (out.size, out.mode) == (picture.size, picture.mode) if container.startswith("PIL") else out.shape == picture.shape
        assert container.startswith("PIL") or out.dtype == picture.dtype
        assert not np.array_equal(_array(out), before)
        assert np.array_equal(_array(picture), before), "the input itself was changed"
        assert all(np.array_equal(again, _array(out)) for again in copies)

    def test_one_picture_alone_and_in_a_batch(self, make: Callable[..., Any], batch: Tensor) -> None:
        """A picture gets the same bytes alone, in a batch of one and as the first of a batch, from the same seed."""
        transform, outs = make(), []
        for picture in (batch[0], batch[:1], batch):
            torch.manual_seed(5)
            out = transform(picture)
            outs.append(out if out.ndim == 3 else out[0])

        assert torch.equal(outs[0], outs[1])
        assert torch.equal(outs[0], outs[2])

    def test_pictures_of_one_pixel_and_one_row(self, make: Callable[..., Any]) -> None:
        """Tiny pictures are degraded like any other instead of failing."""
        for shape in ((3, 1, 1), (3, 1, 9), (1, 7, 1)):
            torch.manual_seed(0)
            out = make()(torch.full(shape, 90, dtype=torch.uint8))

            assert out.shape == shape


class TestSampling:
    """What is drawn, and for whom."""

    def test_every_parameter_is_drawn_per_sample(self, make: Callable[..., Any], batch: Tensor) -> None:
        """`last_params` holds one value per sample, and ranges differ from sample to sample."""
        transform = make()
        torch.manual_seed(0)
        transform(batch)
        params = transform.last_params

        assert all(len(values) == 4 for values in params.values())
        assert any(len({str(value) for value in values}) > 1 for values in params.values())

    def test_probability_is_per_sample_and_leaves_others_bit_identical(self, make: Callable[..., Any], batch: Tensor) -> None:
        """With p = 0.5 some samples change and the others are the very same bits."""
        transform = make(p=0.5)
        torch.manual_seed(2)
        out = transform(batch.repeat(3, 1, 1, 1))
        applied = transform.last_params["applied"]

        assert 0 < applied.sum() < len(applied)
        for sample, before, chosen in zip(out, batch.repeat(3, 1, 1, 1), applied, strict=True):
            assert torch.equal(sample, before) != bool(chosen)

    def test_probability_zero_returns_the_same_object(self, make: Callable[..., Any], batch: Tensor) -> None:
        """With p = 0 the input itself comes back."""
        assert make(p=0)(batch) is batch

    def test_a_clip_has_one_draw(self, make: Callable[..., Any], photo: np.ndarray) -> None:
        """Frames of a clip are degraded with the same parameters; only noise differs from frame to frame."""
        transform = make()
        out = transform(tv_tensors.Video(torch.stack([_chw(photo)] * 3)))

        assert all(len(values) == 1 for values in transform.last_params.values())
        assert torch.equal(out[0], out[1]) == (not isinstance(transform, T.SensorNoise))

    def test_draws_differ_from_call_to_call(self, make: Callable[..., Any], batch: Tensor) -> None:
        """Two calls draw different parameters."""
        transform = make()
        torch.manual_seed(0)
        first = transform(batch)

        assert not torch.equal(first, transform(batch))


class TestCompany:
    """What travels with the pictures."""

    def test_everything_else_is_the_same_object(self, make: Callable[..., Any], photo: np.ndarray) -> None:
        """Boxes, masks, keypoints, labels, other tensors and text come back as the same objects, at any depth."""
        others = {
            "boxes": tv_tensors.BoundingBoxes(torch.tensor([[1.0, 2, 8, 9]]), format="XYXY", canvas_size=(40, 52)),
            "mask": tv_tensors.Mask(torch.zeros(40, 52, dtype=torch.uint8)),
            "keypoints": tv_tensors.KeyPoints(torch.tensor([[3.0, 4.0]]), canvas_size=(40, 52)),
            "label": torch.tensor(7),
            "text": "grape",
            "none": None,
        }
        image = tv_tensors.Image(_chw(photo))
        out_image, (out_others,) = make()(image, [others])

        assert not torch.equal(out_image, image)
        assert all(out_others[name] is item for name, item in others.items())

    def test_the_sharp_half_is_the_same_object(self, make: Callable[..., Any], photo: np.ndarray) -> None:
        """In a pair only the blurry half is degraded."""
        pair = {"blurry": tv_tensors.Image(_chw(photo)), "sharp": T.Sharp(_chw(photo)), "key": "a/1"}
        out = make()(pair)

        assert out["sharp"] is pair["sharp"]
        assert not torch.equal(out["blurry"], pair["blurry"])

    def test_geometry_hits_both_halves(self, make: Callable[..., Any], photo: np.ndarray) -> None:
        """Crops and flips in the same pipeline move both halves alike."""
        pair = {"blurry": tv_tensors.Image(_chw(photo)), "sharp": T.Sharp(_chw(photo))}
        out = v2.Compose([v2.RandomCrop(24), v2.RandomHorizontalFlip(), make(p=0)])(pair)

        assert torch.equal(out["blurry"].as_subclass(Tensor), out["sharp"].as_subclass(Tensor))
        assert type(out["sharp"]) is T.Sharp

    def test_two_pictures_of_one_sample_share_the_draw(self, make: Callable[..., Any], photo: np.ndarray) -> None:
        """Left and right of one sample are degraded alike."""
        image = tv_tensors.Image(_chw(photo))
        left, right = make()(image, tv_tensors.Image(image.clone()))

        assert torch.equal(left, right)


class TestTorch:
    """Gradients, devices, compilation."""

    def test_gradients_flow_or_a_sentence_says_why_not(self, make: Callable[..., Any], batch: Tensor) -> None:
        """Float batches that need gradients get them, with the same result as without; ImageNet-C rounds, and says that it cannot."""
        images = (batch / 255).requires_grad_()
        transform = make()
        if isinstance(transform, T.ImageNetCBlur):
            with pytest.raises(ValueError, match="not differentiable"):
                transform(images)
            return
        torch.manual_seed(1)
        out = transform(images)
        out.sum().backward()
        torch.manual_seed(1)
        plain = transform(images.detach())

        assert images.grad is not None
        assert torch.isfinite(images.grad).all()
        assert (out.detach() - plain).abs().max() < 2e-3

    def test_runs_inside_compiled_code(self, make: Callable[..., Any], batch: Tensor) -> None:
        """Inside `torch.compile` a transform runs as it does outside: it breaks the graph instead of failing."""
        transform = make()
        torch._dynamo.reset()
        compiled = torch.compile(lambda images: transform(images).float() * 2, backend="eager")
        torch.manual_seed(4)
        out = compiled(batch)
        torch.manual_seed(4)

        assert torch.equal(out, transform(batch).float() * 2)

    def test_a_full_graph_is_refused_with_the_reason(self, batch: Tensor) -> None:
        """Whoever asks for one graph is told why a blur cannot be part of it."""
        torch._dynamo.reset()
        compiled = torch.compile(T.MotionBlur(length_px=9), backend="eager", fullgraph=True)
        with pytest.raises(torch._dynamo.exc.Unsupported, match="PSFs differ in size from call to call"):
            compiled(batch)

    def test_parameters_by_hand(self, make: Callable[..., Any], batch: Tensor) -> None:
        """`transform(x, last_params)` repeats the result: all randomness is in `make_params`."""
        transform = make()
        out = transform(batch)

        assert torch.equal(transform.transform(batch, transform.last_params), out)


class TestWrongInputs:
    """Inputs that are no pictures."""

    def test_numpy_is_refused_with_the_remedy(self, make: Callable[..., Any], photo: np.ndarray) -> None:
        """A numpy array is not returned unchanged, as torchvision would: a TypeError names the remedy."""
        with pytest.raises(TypeError, match="ToImage"):
            make()(photo)

    def test_whole_numbers_are_refused(self, make: Callable[..., Any]) -> None:
        """int64 tensors are no pictures."""
        with pytest.raises(TypeError, match="int64"):
            make()(torch.zeros(3, 8, 8, dtype=torch.int64))

    def test_two_dimensions_are_refused(self, make: Callable[..., Any]) -> None:
        """A bare (H, W) tensor is refused with the shape that is wanted."""
        with pytest.raises(ValueError, match="C, H, W"):
            make()(torch.zeros(8, 8))

    def test_different_batch_sizes_are_refused(self, make: Callable[..., Any], batch: Tensor) -> None:
        """Two batches of one call must have one size."""
        with pytest.raises(ValueError, match="batch size"):
            make()(tv_tensors.Image(batch), tv_tensors.Image(batch[:2]))

    def test_palette_pictures_are_refused(self, make: Callable[..., Any], photo: np.ndarray) -> None:
        """Indices into a palette cannot be blurred."""
        with pytest.raises(TypeError, match="convert"):
            make()(PillowImage.fromarray(photo).convert("P"))

    @pytest.mark.parametrize("p", [-0.1, 1.1, float("nan"), "often", True])
    def test_probabilities_are_checked(self, make: Callable[..., Any], p: Any) -> None:
        """A probability outside [0, 1] is refused."""
        with pytest.raises((ValueError, TypeError), match="p must be"):
            make(p=p)
