"""A torch batch, each sample its own PSF: the same as :func:`blurdata.convolve`, and differentiable."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from blurdata import convolve, convolve_batch, psf
from blurdata.color import curve
from blurdata.convolution import batch as batch_module
from blurdata.convolution.tensor_light import decode, encode

KERNELS = [psf.motion(9, 30, profile=[1, 3]), psf.disk(4.4), psf.gaussian(0), psf.shake(13, rng=np.random.default_rng(3))]
MODES = {"reflect": "mirror", "replicate": "nearest", "constant": "constant"}


def batch(dtype: torch.dtype, size: tuple[int, int] = (27, 32)) -> torch.Tensor:
    """Four samples of three channels."""
    values = torch.rand(4, 3, *size, generator=torch.Generator().manual_seed(0))
    return (values * 255).to(dtype) if dtype == torch.uint8 else (values * 1.5).to(dtype)


def expected(images: torch.Tensor, name: str, border: str) -> np.ndarray:
    """The sum in float64, sample by sample."""
    full = 255 if images.dtype == torch.uint8 else 1
    response = curve(name)
    result = []
    for image, kernel in zip(images.double().numpy() / full, KERNELS, strict=True):
        light = response.decode(image.transpose(1, 2, 0))
        blurred = ndimage.convolve(light, kernel[..., None].astype(np.float64), mode=MODES[border])
        result.append(response.encode(blurred).transpose(2, 0, 1) * full)
    return np.stack(result)


@pytest.mark.parametrize("name", ["srgb", "gamma22", "linear"])
@pytest.mark.parametrize("border", list(MODES))
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.uint8, 1), (torch.float32, 1e-4), (torch.float64, 1e-6), (torch.float16, 2e-3), (torch.bfloat16, 2e-2)],
)
def test_equals_the_direct_sum(name: str, border: str, dtype: torch.dtype, tolerance: float) -> None:
    """For every dtype, curve and border, by the loops of the CPU and by the transforms that a GPU takes."""
    images = batch(dtype)
    reference = expected(images, name, border)

    result = convolve_batch(images, KERNELS, curve=name, border=border)

    assert result.dtype == dtype
    assert np.abs(result.double().numpy() - reference).max() <= tolerance
    if dtype.is_floating_point:
        traced = convolve_batch(images.clone().requires_grad_(), KERNELS, curve=name, border=border)
        assert traced.requires_grad
        # transforms round relative to the brightest light, and gamma 2.2 is infinitely steep at black
        assert np.abs(traced.detach().double().numpy() - reference).max() <= max(tolerance, 2e-3 if name == "gamma22" else 2e-4)


def test_equals_the_numpy_path_bit_for_bit() -> None:
    """uint8 on the CPU takes the same loops as a single picture."""
    images = batch(torch.uint8)

    result = convolve_batch(images, KERNELS)

    for image, kernel, blurred in zip(images, KERNELS, result, strict=True):
        pixels = image.permute(1, 2, 0).numpy()
        assert np.abs(convolve(pixels, kernel).astype(int) - blurred.permute(1, 2, 0).numpy()).max() == 0


@pytest.mark.parametrize("border", list(MODES))
@pytest.mark.parametrize("name", ["srgb", "gamma22", "linear"])
def test_gradient_in_the_image(name: str, border: str) -> None:
    """Torch's numerical check of the gradient passes."""
    images = (torch.rand(2, 1, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 0.8 + 0.1).requires_grad_()
    kernels = [psf.motion(5, 40), psf.disk(1.3)]

    assert torch.autograd.gradcheck(lambda x: convolve_batch(x, kernels, curve=name, border=border), (images,), fast_mode=True)


def test_gradient_at_black_is_finite() -> None:
    """Black pixels do not make the gradient NaN or infinite."""
    for name in ("srgb", "gamma22"):
        images = torch.zeros(1, 1, 8, 8, requires_grad=True)
        convolve_batch(images, [psf.disk(1)], curve=name).sum().backward()
        assert images.grad is not None
        assert torch.isfinite(images.grad).all()


@pytest.mark.parametrize("border", list(MODES))
def test_psf_larger_than_the_picture(border: str) -> None:
    """Reflection goes on beyond one picture, by transforms too."""
    images = batch(torch.float32, (5, 4))
    reference = expected(images, "srgb", border)

    for result in (convolve_batch(images, KERNELS, border=border), convolve_batch(images.requires_grad_(), KERNELS, border=border)):
        assert np.abs(result.detach().numpy() - reference).max() < 1e-4


def test_kernels_as_one_tensor() -> None:
    """A (B, K, L) tensor is a PSF a sample."""
    stack = torch.rand(4, 5, 7)
    stack /= stack.sum(dim=(1, 2), keepdim=True)
    images = batch(torch.float32)

    torch.testing.assert_close(convolve_batch(images, stack), convolve_batch(images, list(stack.numpy())))


def test_strided_views_and_empty_batches() -> None:
    """Channels-last, flipped and empty batches come back in the right shape, inputs untouched."""
    images = batch(torch.float32).to(memory_format=torch.channels_last)
    before = images.clone()

    torch.testing.assert_close(convolve_batch(images, KERNELS), convolve_batch(before.contiguous(), KERNELS))
    torch.testing.assert_close(images, before)
    assert convolve_batch(torch.zeros(0, 3, 8, 8), []).shape == (0, 3, 8, 8)


def test_an_empty_batch_with_gradients() -> None:
    """A batch from which everything was filtered out passes where gradients are asked for, as it does without."""
    images = torch.zeros(0, 3, 8, 9, requires_grad=True)
    out = convolve_batch(images, [])
    out.sum().backward()

    assert out.shape == images.shape
    assert images.grad is not None


def test_highlights_are_not_clipped() -> None:
    """Floats above 1 spread and keep their energy."""
    images = torch.zeros(1, 1, 21, 21)
    images[..., 10, 10] = 40

    assert abs(float(convolve_batch(images, [psf.disk(4)], curve="linear").sum()) - 40) < 1e-3


def test_tables_of_one_and_three_channels(tmp_path: object) -> None:
    """Measured curves work, and tensors decode and encode as :class:`blurdata.color.Curve` does."""
    codes = np.linspace(0, 1, 64)
    one, three = f"{tmp_path}/one.txt", f"{tmp_path}/three.txt"
    np.savetxt(one, codes**1.8)
    np.savetxt(three, np.stack([codes**1.8, codes**2.0, 0.5 * codes + 0.5 * codes**2], axis=1))
    images = batch(torch.float64)
    for path in (one, three):
        response, light = curve(path), decode(images, curve(path))
        np.testing.assert_allclose(light.permute(0, 2, 3, 1), response.decode(images.permute(0, 2, 3, 1).numpy()), atol=1e-12)
        torch.testing.assert_close(encode(light, response), images)
        for tensors in (images, images.clone().requires_grad_()):
            result = convolve_batch(tensors, KERNELS, curve=path).detach()
            first = convolve(images[0].permute(1, 2, 0).numpy(), KERNELS[0], curve=path)
            np.testing.assert_allclose(result[0].permute(1, 2, 0), first, atol=1e-9)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.bfloat16])
def test_cuda_equals_cpu(dtype: torch.dtype) -> None:
    """The device changes nothing beyond rounding."""
    images = batch(dtype)

    result = convolve_batch(images.cuda(), KERNELS).cpu()

    difference = (result.double() - convolve_batch(images, KERNELS).double()).abs().max()
    assert difference <= {torch.uint8: 1, torch.float32: 1e-4, torch.bfloat16: 2e-2}[dtype]


def test_transforms_of_uint8_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU does with uint8 (decode, transform, clip, round) is within 1 code of the sum."""
    images = batch(torch.uint8)
    monkeypatch.setattr(batch_module, "_on_cpu", None)
    monkeypatch.setattr(batch_module, "_loops_serve", lambda images: False)

    result = convolve_batch(images, KERNELS)

    assert np.abs(result.double().numpy() - expected(images, "srgb", "reflect")).max() <= 1


@pytest.mark.parametrize(
    ("images", "kernels", "options", "error", "text"),
    [
        (np.zeros((1, 3, 4, 4)), [np.ones((1, 1))], {}, TypeError, "torch tensor"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.int32), [np.ones((1, 1))], {}, TypeError, "int32"),
        (torch.zeros(3, 4, 4), [np.ones((1, 1))] * 3, {}, ValueError, "B, C, H, W"),
        (torch.zeros(2, 3, 4, 4), [np.ones((1, 1))], {}, ValueError, "2 images, got 1"),
        (torch.zeros(1, 3, 4, 4), [np.ones((2, 1))], {}, ValueError, "odd sides"),
        (torch.zeros(1, 3, 4, 4), [np.full((1, 1), np.inf)], {}, ValueError, "finite"),
        (torch.zeros(1, 3, 4, 4), [np.ones((1, 1))], {"border": "wrap"}, ValueError, "border"),
        (torch.zeros(1, 3, 4, 4), [np.ones((1, 1))], {"curve": "sony_a7r3"}, ValueError, "forward-only"),
    ],
)
def test_wrong_arguments_are_named(
    images: torch.Tensor, kernels: list[np.ndarray], options: dict[str, str], error: type, text: str
) -> None:
    """Wrong input is refused at the door in one sentence."""
    with pytest.raises(error, match=text):
        convolve_batch(images, kernels, **options)
