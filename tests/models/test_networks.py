"""The reference networks: sizes as published, any picture size, sane gradients, tiles without seams."""

import tracemalloc

import numpy as np
import pytest
import torch

from blurdata.models import BaselineNet, DehazeDeblurNet, NAFNet, NoBlurUNet, Restormer, restore

NETWORKS = [BaselineNet, DehazeDeblurNet, NAFNet, NoBlurUNet, Restormer]
PUBLISHED = {DehazeDeblurNet: 280_347, NAFNet: 17_111_907, NoBlurUNet: 8_600_067, Restormer: 26_126_644}


@pytest.mark.parametrize(("network", "count"), PUBLISHED.items(), ids=lambda value: getattr(value, "__name__", value))
def test_parameter_count_is_the_published_one(network, count):
    """Each network has exactly the published number of trainable parameters."""
    with torch.device("meta"):
        assert network().parameter_count == count


def test_small_restormer_and_nafnet_have_their_known_counts():
    """The CI-size variants have the counts that the layer tables give."""
    assert Restormer.small().parameter_count == 1_144_443
    assert NAFNet.small().parameter_count == 383_067


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("size", [(64, 64), (37, 51), (5, 70)])
def test_any_size_comes_back_in_the_same_shape(network, size):
    """Odd, thin and aligned pictures all keep their shape and stay finite."""
    torch.manual_seed(0)
    picture = torch.rand(2, 3, *size)

    restored = network.small().eval()(picture)

    assert restored.shape == picture.shape
    assert restored.isfinite().all()


@pytest.mark.parametrize("network", NETWORKS)
def test_every_parameter_learns(network):
    """Every parameter takes part: its gradient exists, is finite and (but for a rare dead ReLU) is not zero."""
    torch.manual_seed(0)
    model = network.small().train()
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    blurry, sharp = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    for _ in range(2):  # some layers start at zero and pass gradients on only from the second step
        optimiser.zero_grad()
        (model(blurry) - sharp).abs().mean().backward()
        optimiser.step()

    gradients = {name: p.grad for name, p in model.named_parameters()}
    still = [name for name, gradient in gradients.items() if gradient is not None and not gradient.any()]

    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients.values())
    assert len(still) <= 0.05 * len(gradients)  # a narrow layer of ReLUs may be off for one batch


@pytest.mark.parametrize("network", [DehazeDeblurNet, NAFNet, Restormer])
def test_a_network_can_learn_one_pair(network):
    """Sixty steps on one pair bring the error under half of the untouched input's: the wiring lets the network learn."""
    torch.manual_seed(0)
    sharp = torch.nn.functional.interpolate(torch.rand(1, 3, 8, 8), scale_factor=4)
    blurry = torch.nn.functional.avg_pool2d(sharp, 5, 1, 2, count_include_pad=False)
    model = network.small().train()
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(60):
        optimiser.zero_grad()
        loss = (model(blurry) - sharp).square().mean()
        loss.backward()
        optimiser.step()

    assert loss < 0.5 * (blurry - sharp).square().mean()


def test_wrong_shapes_are_refused():
    """A picture without a batch axis is answered with a sentence."""
    with pytest.raises(ValueError, match="takes \\(B, 3, H, W\\)"):
        BaselineNet.small()(torch.rand(3, 16, 16))
    with pytest.raises(ValueError, match="that hold something"):
        BaselineNet.small()(torch.rand(1, 3, 0, 16))


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_an_empty_batch_is_restored_to_one(network):
    """As the last batch of a loader, or a mask that keeps none, may be."""
    assert network.small()(torch.zeros(0, 3, 16, 24)).shape == (0, 3, 16, 24)


def _blurrer():
    """A fixed 5x5 mean as a network: what a tile gives depends on 2 px around it."""
    layer = torch.nn.Conv2d(3, 3, 5, padding=2, padding_mode="reflect", groups=3, bias=False)
    torch.nn.init.constant_(layer.weight, 1 / 25)
    return layer.eval()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiles_leave_no_seam(dtype):
    """With an overlap of twice the field of view, tiles change no pixel by more than rounding."""
    picture = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (150, 170, 3)).astype(dtype)

    whole, tiled = restore(_blurrer(), picture), restore(_blurrer(), picture, tile=80, overlap=16)

    assert tiled.dtype == dtype
    assert np.abs(whole.astype(int) - tiled.astype(int)).max() <= 1


def test_the_rim_of_a_tile_does_not_count_beside_the_picture_s_border():
    """Where one tile ends just before the border and the next at it, the former's padded rim has no weight."""

    def rim(part):
        spoilt = part.clone()
        spoilt[..., -1, :] = 1 - part[..., -1, :]
        return spoilt

    model = _blurrer()
    model.forward = lambda part: rim(part) if part.shape[-2] == 80 and calls.append(None) is None and len(calls) == 2 else part
    calls: list[None] = []
    picture = np.zeros((150, 80, 3), np.uint8)  # tiles at 0, 64 and 70: the second ends at 144

    tiled = restore(model, picture, tile=80, overlap=16)

    assert len(calls) == 3
    assert not tiled.any()


def test_tiles_cover_everything():
    """The identity restored in tiles is the picture itself, for sizes that no tile divides."""
    picture = np.random.default_rng(1).integers(0, 256, (97, 203, 3)).astype(np.uint8)

    assert (restore(BaselineNet.small().eval(), picture, tile=64, overlap=10) == picture).all()


def test_tile_must_exceed_the_overlap():
    """A tile that is all overlap, and an overlap below zero, are refused."""
    for overlap in (32, -1):
        with pytest.raises(ValueError, match="larger than twice the overlap"):
            restore(BaselineNet.small(), np.zeros((8, 8, 3), np.uint8), tile=64, overlap=overlap)


@pytest.mark.parametrize(
    ("picture", "more", "words"),
    [
        (np.zeros((8, 8, 3), np.uint8), {"precision": "fp16"}, "precision must be one of fp32, bf16, got 'fp16'"),
        (np.zeros((8, 8, 3), np.float32), {}, r"must be \(H, W, 3\) uint8 or uint16, got \(8, 8, 3\) float32"),
        (np.zeros((8, 8), np.uint8), {}, r"got \(8, 8\) uint8"),
    ],
)
def test_what_cannot_be_restored_is_refused(picture, more, words):
    """Another precision is not taken for the usual one, nor floats for codes."""
    with pytest.raises(ValueError, match=words):
        restore(BaselineNet.small(), picture, **more)


def test_memory_of_tiles_does_not_grow_with_the_picture():
    """Beyond the restored picture, a long picture takes as much memory as a short one of the same width."""
    model = torch.nn.Conv2d(3, 3, 1).eval()
    peaks = []
    for height in (400, 3200):
        picture = np.zeros((height, 300, 3), np.uint8)
        restore(model, picture, tile=128, overlap=8)
        tracemalloc.start()
        restore(model, picture, tile=128, overlap=8)
        peaks.append(tracemalloc.get_traced_memory()[1] - picture.nbytes)
        tracemalloc.stop()

    assert abs(peaks[1] - peaks[0]) < 0.2 * peaks[0]
