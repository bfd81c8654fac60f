"""Kernel-blurred pairs: light, alignment, saturation, determinism, faults."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import convolve2d

from blurdata.color import curve
from blurdata.errors import RecipeError, SourceError
from blurdata.files import write_png
from blurdata.recipe import read_recipe
from blurdata.sensor import Sensor
from blurdata.sources import open_source
from blurdata.synthesis import KernelPairs, KernelRecipe
from blurdata.synthesis.kernel_pairs import blur_picture, draw_psf

PLAIN = Sensor(saturation=None, noise=None, rim_px=0)


def texture(seed: int, size: tuple[int, int] = (64, 72), dtype: type = np.uint8) -> NDArray[np.uint8]:
    """Blocks of random colour with a clipped light."""
    rng = np.random.default_rng(seed)
    top = np.iinfo(dtype).max
    small = rng.integers(0, int(0.9 * top), (size[0] // 4, size[1] // 4, 3))
    picture = np.kron(small, np.ones((4, 4, 1))).astype(dtype)
    picture[20:24, 30:34] = top
    return picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures."""
    for number in range(3):
        write_png(tmp_path / "sharp_set" / f"{number:03}.png", texture(number))
    return tmp_path / "sharp_set"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_blur_is_convolution_in_linear_light(dtype: type) -> None:
    """Inside, the blurry picture is the direct convolution of linear light with the PSF, to one code value."""
    picture, recipe = texture(1, dtype=dtype), KernelRecipe(extent_px=11, sensor=PLAIN)
    point, _ = draw_psf(recipe, np.random.default_rng(4))

    blurry, sharp, _ = blur_picture(picture, point, recipe, np.random.default_rng(0))

    top = np.iinfo(dtype).max
    light = curve("srgb").decode(picture / top)
    direct = np.stack([convolve2d(light[..., c], point.astype(float), mode="same") for c in range(3)], axis=-1)
    expected = curve("srgb").encode(direct) * top
    margin = max(point.shape) // 2
    inner = np.s_[margin:-margin, margin:-margin]
    assert np.abs(blurry[inner] - expected[inner]).max() <= 0.51
    assert np.array_equal(sharp, picture)


@pytest.mark.parametrize("kind", ["shake", "motion", "defocus"])
def test_psfs_are_centred_and_photometric(kind: str) -> None:
    """Every drawn PSF sums to 1, has its centroid in the centre and an extent in the recipe's range."""
    recipe, rng = KernelRecipe(kind=kind, extent_px=(3, 25)), np.random.default_rng(0)
    for _ in range(20):
        point, extent_px = draw_psf(recipe, rng)
        y, x = np.mgrid[: point.shape[0], : point.shape[1]]

        assert 3 <= extent_px <= 25
        assert point.sum() == pytest.approx(1, abs=1e-5)
        assert (point * x).sum() == pytest.approx(point.shape[1] // 2, abs=2e-3)
        assert (point * y).sum() == pytest.approx(point.shape[0] // 2, abs=2e-3)


def test_clipped_light_comes_back() -> None:
    """A clipped light leaves a brighter trail with the saturation mask than without, by alpha [I == 1] * k."""
    picture, point = texture(2), np.full((1, 21), 1 / 21, np.float32)
    with_mask = KernelRecipe(sensor=Sensor(saturation=1.5, noise=None, rim_px=0, response="linear"))
    without = with_mask.model_copy(update={"sensor": Sensor(saturation=None, noise=None, rim_px=0, response="linear")})

    bright, plain = (blur_picture(picture, point, each, np.random.default_rng(0))[0].astype(float) for each in (with_mask, without))

    lamp = (bright - plain)[22, 22:42] / 255  # 4 of 21 pixels wide: the trail gains 1.5 * 4 / 21 up to the clip
    gain = np.minimum(1.5 * 4 / 21, 1 - plain[22, 32] / 255)
    assert lamp[10] == pytest.approx(gain.min(), abs=0.005)
    assert (bright >= plain).all()
    assert np.array_equal(bright[:12], plain[:12])


def test_the_working_folder_changes_nothing(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe and the table beside it, named from here, make the same pairs from there, also by the text, also later."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "camera.txt").write_text("\n".join(str((code / 255) ** 1.8) for code in range(256)))
    (tmp_path / "mine" / "mine.yaml").write_text("curve: camera.txt\nkernels_per_picture: 1\nseed: 3\n")
    monkeypatch.chdir(tmp_path)
    source = open_source("convolve:sharp_set?recipe=mine/mine.yaml")
    first = source[0]
    monkeypatch.chdir(tmp_path / "mine")

    for other in (source, open_source(source.text), open_source("convolve:../sharp_set?recipe=mine.yaml&seed=3")):
        assert np.array_equal(other[0].blurry, first.blurry)
        assert other[0].meta == first.meta
        assert other.recipe == source.recipe


def test_source_text_opens_the_same_pairs(folder: Path) -> None:
    """``convolve:FOLDER?recipe=…`` gives keys, psf and meta, the same bytes by index, in a run, pickled and reopened."""
    source = open_source(f"convolve:{folder}?recipe=gopro_u&kernels_per_picture=2&seed=5")

    run = list(source.pairs())
    again, copy = open_source(source.text), pickle.loads(pickle.dumps(source))

    assert list(source.keys) == [f"{n:03}_kernel_{k}" for n in range(3) for k in (1, 2)]
    assert [pair.key for pair in run] == list(source.keys)
    for place in (5, 0, 3):
        for other in (source[place], again[place], copy[place]):
            assert np.array_equal(other.blurry, run[place].blurry)
            assert dict(other.meta) == dict(run[place].meta)
    assert again.fingerprint() == source.fingerprint()
    assert run[0].size == (56, 64)
    assert source.nbytes(0) == run[0].blurry.nbytes + run[0].sharp.nbytes
    assert run[0].extras["psf"].sum() == pytest.approx(1, abs=1e-5)
    assert run[0].meta["response"] == "sony_a7r3"
    assert run[0].meta["noise"] == "realblur"
    assert run[0].meta["seed"] == 5
    assert not np.array_equal(run[0].extras["psf"], run[1].extras["psf"])


def test_a_picture_added_changes_no_other(folder: Path) -> None:
    """A pair depends on its key, not on its place in the list."""
    before = KernelPairs(folder, KernelRecipe(kernels_per_picture=1))
    old = {pair.key: pair.blurry for pair in before}
    write_png(folder / "000a.png", texture(9))

    after = KernelPairs(folder, KernelRecipe(kernels_per_picture=1))

    assert len(after) == 4
    assert after.fingerprint() != before.fingerprint()
    assert all(np.array_equal(pair.blurry, old.get(pair.key, pair.blurry)) for pair in after)


def test_noise_settings_do_not_move_the_psf(folder: Path) -> None:
    """PSF and sensor draw from their own generators."""
    noisy, clean = (KernelPairs(folder, KernelRecipe(sensor=sensor)) for sensor in (Sensor(), PLAIN))

    assert np.array_equal(noisy[3].extras["psf"], clean[3].extras["psf"])


def test_root_of_a_set_of_pairs_gives_its_sharp_half(tmp_path: Path) -> None:
    """Pictures in folders that say blur are left out and counted."""
    for half in ("sharp", "blur", "blur_gamma", "LQ"):
        write_png(tmp_path / "train" / "GOPR1_11_00" / half / "000001.png", texture(1))

    source = KernelPairs(tmp_path, KernelRecipe(kernels_per_picture=1))

    assert list(source.keys) == ["train/GOPR1_11_00/sharp/000001_kernel_1"]
    assert source[0].meta["split"] == "train"
    assert source.summary() == {"pairs": 1, "pictures": 1, "pictures_in_blurry_folders": 3, "pictures_of_unread_kinds": 0}


def test_pictures_at_any_depth_are_taken(tmp_path: Path) -> None:
    """A picture at the top hides none in folders below it."""
    for name in ("cover", "a/1", "a/b/2"):
        write_png(tmp_path / f"{name}.png", texture(1))

    source = KernelPairs(tmp_path, KernelRecipe(kernels_per_picture=1))

    assert list(source.keys) == ["a/1_kernel_1", "a/b/2_kernel_1", "cover_kernel_1"]
    assert source.remarks() == []


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    """Pictures in blurry folders and those of kinds that are not read are counted, the folders are named."""
    for name in ("1", "2", "input/1", "input/2"):
        write_png(tmp_path / f"{name}.png", texture(1))
    for name in ("3.HEIC", "a/4.avif", "a/.5.avif"):
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")

    source = KernelPairs(tmp_path, KernelRecipe(kernels_per_picture=1))

    assert source.summary() == {"pairs": 2, "pictures": 2, "pictures_in_blurry_folders": 2, "pictures_of_unread_kinds": 2}
    assert source.remarks() == [
        f"2 pictures left out, blurry by the name of the folder: {tmp_path / 'input'}",
        "2 pictures left out, of kinds that are not read (.heic, .heif, .avif, .jxl, .jp2)",
    ]


def test_names_that_differ_in_suffix_only_stay_apart(tmp_path: Path) -> None:
    """``a.png`` and ``a.bmp`` get keys of their own."""
    import cv2

    write_png(tmp_path / "a.png", texture(1))
    cv2.imwrite(str(tmp_path / "a.bmp"), texture(2))

    assert len(set(KernelPairs(tmp_path, KernelRecipe(kernels_per_picture=1)).keys)) == 2


@pytest.mark.parametrize("name", ["gopro_u", "bsd_centroid"])
def test_shipped_recipes_are_valid(name: str) -> None:
    """The presets read without complaint and use RealBlur's noise."""
    assert read_recipe(name, KernelRecipe).sensor.noise == "realblur"


def test_faults_are_sentences(folder: Path, tmp_path: Path) -> None:
    """An empty folder, a tiny picture, a broken picture and wrong options are data errors that name the file."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no sharp pictures"):
        open_source(f"convolve:{tmp_path / 'empty'}")
    with pytest.raises(SourceError, match=r"cannot be listed|no such folder"):
        open_source(f"convolve:{tmp_path / 'nowhere'}")
    with pytest.raises(SourceError, match="whole numbers"):
        open_source(f"convolve:{folder}?seed=x")
    write_png(tmp_path / "tiny" / "t.png", texture(0, (8, 8))[:8, :8])
    with pytest.raises(SourceError, match=r"t\.png.*too small"):
        open_source(f"convolve:{tmp_path / 'tiny'}")
    (folder / "001.png").write_bytes((folder / "001.png").read_bytes()[:-40])
    with pytest.raises(SourceError, match=r"001\.png"):
        list(open_source(f"convolve:{folder}?kernels_per_picture=1"))


def test_wrong_recipes_are_refused(tmp_path: Path) -> None:
    """A forward-only curve, an inverted range and a wrong nested field name their field."""
    for fields, sentence in (
        ("curve: sony_a7r3", "forward-only"),
        ("extent_px: [9, 3]", "low to high"),
        ("sensor: {noise: kodak}", r"sensor\.noise"),
    ):
        (tmp_path / "r.yaml").write_text(fields)
        with pytest.raises(RecipeError, match=sentence):
            read_recipe(tmp_path / "r.yaml", KernelRecipe)
