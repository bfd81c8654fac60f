"""What every source, PSF, transform and network promises; whoever adds one adds one line here, and these tests say so."""

import importlib.util
import inspect
import pickle
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from skimage import data

from blurdata import models, psf, transforms
from blurdata.errors import SourceError
from blurdata.files import write_png
from blurdata.models.padding import AnySize
from blurdata.shards import build
from blurdata.sources import kinds, open_source
from blurdata.training import TrainRecipe
from blurdata.training.networks import NETWORKS


def published(name):
    """The miniature of a published layout that the tests of the layouts build."""
    spec = importlib.util.spec_from_file_location("layouts", Path(__file__).parent / "datasets" / "layouts.py")
    layouts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(layouts)
    build, query, *_ = layouts.LAYOUTS[name]

    def world(root):
        build(root)
        return f"{root}{query}"

    return world


def photographs(root, *folders):
    """Three small photographs in each folder."""
    for folder in folders:
        for i in range(3):
            write_png(root / folder / f"{i}.png", data.astronaut()[64 * i : 64 * i + 64, 100:180])
    return str(root)


def packed(root):
    """Shards of the photographs' pairs."""
    build(open_source(f"convolve:{photographs(root, 'photographs')}?kernels_per_picture=2"), root / "shards")
    return str(root / "shards")


# kind -> function of an empty folder that fills it and gives what stands behind the colon; a new kind is one line
WORLDS = {
    "pairs": lambda root: photographs(root, "blurry", "sharp"),
    "convolve": lambda root: photographs(root, ".") + "?kernels_per_picture=2",
    "shards": packed,
    "measured": lambda root: f"pairs:{photographs(root, 'blurry', 'sharp')}",
    "video": lambda root: photographs(root, ".") + "?recipe=film&window=3&step=1",
    **{name: published(name) for name in ("gopro", "reds", "rsblur", "hide", "bsd", "dvd", "kohler", "realblur-j", "realblur-r")},
}
ELSEWHERE = {"hf", "lmdb", "align"}  # need a written set or a rig: tests/datasets, tests/shards and tests/alignment hold their contract


def test_every_kind_of_source_has_a_world():
    """A kind that can be opened is one whose contract is tested."""
    assert set(WORLDS) | ELSEWHERE == set(kinds()), "add the new kind to WORLDS in tests/test_contracts.py"


@pytest.mark.parametrize("kind", sorted(set(WORLDS) - {"video"}))
def test_source_keeps_the_contract(kind, tmp_path):
    """Sized, deterministic, clean and unique keys; one by one as in a run; the same after pickling and when opened by its text."""
    source = open_source(f"{kind}:{WORLDS[kind](tmp_path)}")
    run = list(source.pairs())

    assert len(source) == len(source.keys) == len(run) > 0
    assert [pair.key for pair in run] == list(source.keys)
    assert len(set(source.keys)) == len(source)
    for again in (pickle.loads(pickle.dumps(source)), open_source(source.text)):
        assert again.fingerprint() == source.fingerprint()
        for index, pair in enumerate(run):
            other = again[index]
            assert np.array_equal(pair.blurry, other.blurry)
            assert np.array_equal(pair.sharp, other.sharp)
            assert dict(pair.meta) == dict(other.meta)
    assert [pair.key for pair in source.pairs(1)] == list(source.keys)[1:]
    assert source.summary()["pairs"] == len(source)
    assert source.recipe
    with pytest.raises(IndexError):
        source[len(source)]
    with pytest.raises(SourceError):
        open_source(f"{kind}:{tmp_path / 'nowhere'}")


# name -> a call; a new PSF is one line
PSFS = {
    "motion": lambda: psf.motion(9.5, 33),
    "shake": lambda: psf.shake(12, rng=np.random.default_rng(0)),
    "from_path": lambda: psf.from_path([(0, 0), (5, 2), (6, 6)]),
    "disk": lambda: psf.disk(4.3),
    "polygon": lambda: psf.polygon(6, blades=5, rotation_deg=10),
    "gaussian": lambda: psf.gaussian(2.2),
    "anisotropic_gaussian": lambda: psf.anisotropic_gaussian(4, 1.5, 20),
}
NO_PSF = {"circle_of_confusion", "motion_path", "shake_path", "imagenet_c"}  # a radius, paths, and what copies its published flaws


def test_every_psf_is_listed():
    """A public PSF is one whose contract is tested."""
    assert set(PSFS) | NO_PSF == set(psf.__all__), "add the new PSF to PSFS in tests/test_contracts.py"


@pytest.mark.parametrize("name", sorted(PSFS))
def test_psf_keeps_the_contract(name):
    """(K, L) float32 of odd sides, nowhere negative, sum 1, centroid in the middle to 1e-3 px."""
    kernel = PSFS[name]()
    y, x = np.mgrid[: kernel.shape[0], : kernel.shape[1]]

    assert kernel.dtype == np.float32
    assert all(side % 2 for side in kernel.shape)
    assert (kernel >= 0).all()
    assert kernel.sum(dtype=np.float64) == pytest.approx(1, abs=1e-6)
    assert (kernel * x).sum() == pytest.approx((kernel.shape[1] - 1) / 2, abs=1e-3)
    assert (kernel * y).sum() == pytest.approx((kernel.shape[0] - 1) / 2, abs=1e-3)


def test_both_libraries_have_the_same_transforms():
    """Every degradation of torchvision's transforms has its namesake, with the same parameters, for albumentations."""
    import blurdata.transforms.albumentations as theirs

    own = {name for name in transforms.__all__ if name not in ("Depth", "MakePair", "Sharp", "WithParams")}

    for name in own:
        mine, other = (set(inspect.signature(getattr(module, name)).parameters) for module in (transforms, theirs))
        assert mine - {"p"} <= other, name


def test_every_network_can_be_named_in_a_recipe():
    """A public network is one that a training recipe can name."""
    public = {getattr(models, name) for name in models.__all__ if inspect.isclass(getattr(models, name))}

    named = set(get_args(TrainRecipe.model_fields["model"].annotation))

    assert public == set(NETWORKS.values()), "add the new network to NETWORKS in blurdata/training/networks.py"
    assert named == set(NETWORKS), "add the new network's name to TrainRecipe.model in blurdata/training/recipe.py"
    assert all(issubclass(network, AnySize) for network in public)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_network_keeps_the_contract(name):
    """Small variant; any size in, the same size out; finite, and moved by its input."""
    import torch

    torch.manual_seed(0)
    network = NETWORKS[name].small().eval()
    picture = torch.rand(1, 3, 41, 57)
    with torch.inference_mode():
        restored, other = network(picture), network(picture.flip(-1))

    assert restored.shape == picture.shape
    assert restored.isfinite().all()
    assert not torch.equal(restored, other)
