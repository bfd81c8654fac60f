"""Clipped lights that bloom, against a direct float64 transcription of ``clip(k * I + alpha (k * M), 0, 1)`` with M spread on its own."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from blurdata import psf
from blurdata import transforms as T
from blurdata.convolution import camera_blur

PSFS: dict[str, tuple[Callable[..., Any], np.ndarray]] = {
    "motion": (lambda **o: T.MotionBlur(length_px=11, angle_deg=30, **o), psf.motion(11, 30)),
    "disk": (lambda **o: T.DefocusBlur(radius_px=3.5, **o), psf.disk(3.5)),
    "polygon": (lambda **o: T.DefocusBlur(radius_px=4, blades=5, rotation_deg=10, **o), psf.polygon(4, blades=5, rotation_deg=10)),
    "gaussian": (lambda **o: T.GaussianBlur(sigma_px=2, **o), psf.gaussian(2)),
}


@pytest.fixture
def night() -> np.ndarray:
    """A dark (H, W, 3) uint8 picture with a white lamp, a red one, and lights around the codes where the mask begins."""
    picture = np.full((48, 56, 3), 20, np.uint8)
    picture[10:13, 12:15] = 255
    picture[30:34, 40:42, 0] = 255
    picture[20:26, 20:32] = np.arange(246, 258).clip(0, 255)[None, :, None]
    return picture


def _decode(codes: np.ndarray) -> np.ndarray:
    return np.where(codes < 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


def _encode(light: np.ndarray) -> np.ndarray:
    return np.where(light < 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)


def _expected(codes: np.ndarray, blur: Callable[[np.ndarray], np.ndarray], alpha: float) -> np.ndarray:
    """Code values in [0, 1]; the mask is a channel of its own, blurred as the light is."""
    mask = np.clip((255 * codes - 250) / 5, 0, 1)
    return _encode(np.clip(blur(_decode(codes)) + alpha * blur(mask), 0, 1))


def _direct(kernel: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda planes: ndimage.convolve(planes, kernel.astype(np.float64)[..., None], mode="mirror")


def _tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


@pytest.mark.parametrize("name", sorted(PSFS))
@pytest.mark.parametrize("alpha", [0.25, 1.75, 20.0])
class TestAgainstTheFormula:
    """Every dtype and both engines do what the formula says."""

    def test_numbers(self, name: str, alpha: float, night: np.ndarray) -> None:
        """uint8 and uint16 are within a code value, floats within 1e-5, with gradients or without."""
        make, kernel = PSFS[name]
        transform, codes = make(highlights=alpha), night / 255
        expected = _expected(codes, _direct(kernel), alpha).transpose(2, 0, 1)
        deep = transform(_tensor(night.astype(np.uint16) * np.uint16(257)))
        leaf = _tensor(codes).requires_grad_()
        with_gradient = transform(leaf)
        with_gradient.sum().backward()

        assert np.abs(transform(_tensor(night)).numpy() - 255 * expected).max() <= 1
        assert np.abs(deep.numpy() - 65535 * expected).max() <= 1
        assert np.abs(transform(_tensor(codes.astype(np.float32))).numpy() - expected).max() < 1e-5
        assert np.abs(transform(_tensor(codes)).numpy() - expected).max() < 1e-9
        assert np.abs(with_gradient.detach().numpy() - expected).max() < 1e-9
        assert leaf.grad is not None
        assert torch.isfinite(leaf.grad).all()


def test_zoom_spreads_the_mask_as_its_own_channel(night: np.ndarray) -> None:
    """Where the picture is resampled the mask is too, linearly, instead of being taken from mixed code values."""

    def zoomed(planes: np.ndarray) -> np.ndarray:  # in float32: OpenCV reads float64 pictures at places rounded to 1/32 px
        return camera_blur(planes.astype(np.float32), zoom=1.15, roll_deg=4, curve="linear").astype(np.float64)

    expected = _expected(night / 255, zoomed, 1.5)
    out = T.ZoomBlur(zoom=1.15, roll_deg=4, highlights=1.5)(_tensor(night))

    assert np.abs(out.numpy() - 255 * expected.transpose(2, 0, 1)).max() <= 1


def test_a_lamp_leaves_a_white_trail(night: np.ndarray) -> None:
    """Without highlights the lamp fades to grey along the stroke, with them it stays white; what is dark stays dark."""
    plain = T.MotionBlur(length_px=9, angle_deg=0)(_tensor(night))
    bloomed = T.MotionBlur(length_px=9, angle_deg=0, highlights=8)(_tensor(night))

    assert plain[:, 11, 10].max() < 200
    assert (bloomed[:, 11, 10] == 255).all()
    assert torch.equal(plain[:, 40:], bloomed[:, 40:])
    assert (bloomed[1:, 31, 36] < 60).all(), "a red lamp must not leave a white trail"


def test_a_picture_without_clipped_places_is_blurred_as_ever(photo: np.ndarray) -> None:
    """Below the mask's first code highlights change nothing but at most the rounding."""
    dark = _tensor(np.minimum(photo, 240))
    plain, bloomed = T.DefocusBlur(radius_px=3)(dark), T.DefocusBlur(radius_px=3, highlights=2)(dark)

    assert (plain.int() - bloomed.int()).abs().max() <= 1


def test_every_sample_of_a_batch_has_its_own(night: np.ndarray) -> None:
    """A range is drawn per sample and told in `last_params`, and the same samples come out of the batch and of the gradient path."""
    batch = torch.stack([_tensor(night)] * 4)
    transform = T.MotionBlur(length_px=9, highlights=(0.25, 1.75))
    out = transform(batch)
    drawn = transform.last_params["highlights"]
    floats = transform.transform((batch / 255).requires_grad_(), transform.last_params)

    assert len(drawn.unique()) == 4
    assert drawn.min() >= 0.25
    assert drawn.max() <= 1.75
    assert (255 * floats.detach() - out).abs().max() <= 1


def test_off_by_default(night: np.ndarray) -> None:
    """Nothing is drawn or clipped unless asked: HDR floats keep their light."""
    transform = T.DefocusBlur(radius_px=3)
    out = transform(_tensor(4 * (night / 255)))

    assert "highlights" not in transform.last_params
    assert out.max() > 1


def test_any_blur_passes_them_on(night: np.ndarray) -> None:
    """Of the kinds only the blurs bloom; noise has nothing to spread."""
    transform = T.AnyBlur(weights={"motion": 1, "noise": 1}, severity=0.5, highlights=1)
    torch.manual_seed(0)
    transform(torch.stack([_tensor(night)] * 8))
    params = transform.last_params
    motion = torch.tensor([kind == "motion" for kind in params["kind"]])

    assert (params["highlights"][motion] == 1).all()
    assert params["highlights"][~motion].isnan().all()


@pytest.mark.parametrize("wrong", [-0.5, (2, 1), float("nan"), "bright"])
def test_wrong_values_are_refused(wrong: Any) -> None:
    """The light that comes back is a number of at least 0, or a range."""
    with pytest.raises((TypeError, ValueError), match="highlights"):
        T.MotionBlur(highlights=wrong)
