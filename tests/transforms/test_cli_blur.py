"""`blurdata blur`: blurred copies of pictures and folders."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageCms
from typer.testing import CliRunner

from blurdata import convolve, psf
from blurdata.cli import build_app
from blurdata.errors import OutputError, SourceError
from blurdata.files import read_image, write_png
from blurdata.transforms.copies import plan_copies


def blur(*arguments: object) -> "object":
    """Run the command in this process; errors of data are raised."""
    return CliRunner().invoke(build_app(), ["blur", *map(str, arguments)], catch_exceptions=True)


@pytest.fixture
def folder(tmp_path: Path, photo: np.ndarray) -> Path:
    """Three pictures, one of them 16-bit in a sub-folder."""
    top = tmp_path / "photos"
    write_png(top / "one.png", photo)
    write_png(top / "two.png", photo[::-1])
    write_png(top / "sub" / "one.png", photo.astype(np.uint16) * np.uint16(257))
    return top


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.*")) if path.name != "blur.json"}


class TestCopies:
    """What is written."""

    def test_the_copy_is_the_convolution(self, folder: Path, tmp_path: Path, photo: np.ndarray) -> None:
        """A copy is `convolve` with the PSF of the parameters; sub-folders are mirrored and 16 bits stay 16 bits."""
        result = blur(folder, "--kind", "motion", "--length-px", 9, "--angle-deg", 30, "--out", tmp_path / "out")

        assert result.exit_code == 0, result.output
        assert np.array_equal(read_image(tmp_path / "out" / "one.png"), convolve(photo, psf.motion(9, 30)))
        assert read_image(tmp_path / "out" / "sub" / "one.png").dtype == np.uint16
        assert sorted(_bytes(tmp_path / "out")) == ["one.png", "sub/one.png", "two.png"]
        assert "Next: blurdata evaluate" in result.stderr

    def test_psfs_are_saved(self, folder: Path, tmp_path: Path, photo: np.ndarray) -> None:
        """--save-psf writes the very PSF of each copy beside it."""
        blur(folder, "--kind", "defocus", "--radius-px", "1,6", "--blades", "5,9", "--save-psf", "--out", tmp_path / "out")
        kernels = [np.load(tmp_path / "out" / f"{name}.psf.npy") for name in ("one", "two", "sub/one")]

        assert all(kernel.dtype == np.float32 and kernel.sum() == pytest.approx(1, abs=1e-5) for kernel in kernels)
        assert np.array_equal(read_image(tmp_path / "out" / "one.png"), convolve(photo, kernels[0]))

    def test_the_psf_that_any_kind_drew_is_saved(self, tmp_path: Path, photo: np.ndarray) -> None:
        """Of the kinds drawn, those that are one convolution have their PSF saved; a second run keeps all copies."""
        for index in range(12):
            write_png(tmp_path / "in" / f"{index}.png", photo)
        options = [tmp_path / "in", "--kind", "any", "--severity", 0.5, "--save-psf", "--json", "--out", tmp_path / "out"]
        blur(*options)
        drawn = json.loads((tmp_path / "out" / "blur.json").read_text())["pictures"]
        convolutions = {name for name, entry in drawn.items() if entry["kind"] in ("motion", "shake", "defocus", "gaussian")}
        name = min(convolutions)

        assert 0 < len(convolutions) < 12
        assert {path.name for path in (tmp_path / "out").glob("*.npy")} == {f"{Path(name).stem}.psf.npy" for name in convolutions}
        kernel = np.load(tmp_path / "out" / f"{Path(name).stem}.psf.npy")
        assert np.array_equal(read_image(tmp_path / "out" / name), convolve(photo, kernel))
        assert json.loads(blur(*options).stdout)["kept"] == 12

    @pytest.mark.parametrize("corruption", ["defocus", "motion"])
    def test_imagenet_c_saves_its_published_psf(self, corruption: str, tmp_path: Path) -> None:
        """The copy is the PSF applied to code values, its fraction dropped."""
        picture = np.random.default_rng(0).integers(0, 250, (64, 70, 3)).astype(np.uint8)
        write_png(tmp_path / "in" / "one.png", picture)
        blur(tmp_path / "in", "--kind", "imagenet-c", "--corruption", corruption, "--severity", 2, "--save-psf", "--out", tmp_path / "out")
        border = {"defocus": "reflect", "motion": "replicate"}[corruption]
        expected = convolve(picture.astype(np.float64), np.load(tmp_path / "out" / "one.psf.npy"), curve="linear", border=border)

        assert np.abs(np.floor(np.clip(expected, 0, 255)) - read_image(tmp_path / "out" / "one.png")).max() <= 1

    def test_colour_profiles_stay(self, tmp_path: Path, photo: np.ndarray) -> None:
        """An RGB profile is copied byte for byte; one for other samples (a CMYK print's) is not."""
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        other = profile[:16] + b"CMYK" + profile[20:]
        (tmp_path / "in").mkdir()
        PillowImage.fromarray(photo).save(tmp_path / "in" / "rgb.jpg", icc_profile=profile)
        PillowImage.fromarray(photo).save(tmp_path / "in" / "print.jpg", icc_profile=other)
        blur(tmp_path / "in", "--kind", "motion", "--out", tmp_path / "out")

        with PillowImage.open(tmp_path / "out" / "rgb.png") as rgb, PillowImage.open(tmp_path / "out" / "print.png") as plain:
            assert rgb.info["icc_profile"] == profile
            assert "icc_profile" not in plain.info
        assert read_image(tmp_path / "out" / "rgb.png").shape == photo.shape

    def test_the_record_says_what_each_got(self, folder: Path, tmp_path: Path) -> None:
        """blur.json holds settings, seed and every picture's drawn numbers."""
        blur(folder, "--kind", "gaussian", "--sigma-px", "1,4", "--seed", 5, "--out", tmp_path / "out")
        record = json.loads((tmp_path / "out" / "blur.json").read_text())
        drawn = [picture["sigma_px"] for picture in record["pictures"].values()]

        assert (record["settings"]["kind"], record["settings"]["seed"]) == ("gaussian", 5)
        assert len(set(drawn)) == 3
        assert all(1 <= sigma <= 4 for sigma in drawn)

    def test_a_draw_depends_on_seed_and_name_alone(self, folder: Path, tmp_path: Path) -> None:
        """One picture of a folder gets what it got in the whole folder; another seed gives something else."""
        options = ["--kind", "shake", "--extent-px", "5,15"]
        blur(folder, *options, "--out", tmp_path / "all")
        blur(folder / "two.png", *options, "--out", tmp_path / "single")
        blur(folder, *options, "--seed", 1, "--out", tmp_path / "other")

        assert (tmp_path / "single" / "two.png").read_bytes() == (tmp_path / "all" / "two.png").read_bytes()
        assert _bytes(tmp_path / "other") != _bytes(tmp_path / "all")

    def test_probability_leaves_some_unchanged(self, tmp_path: Path, photo: np.ndarray) -> None:
        """With -p 0.5 some copies are the picture itself, and the record marks them."""
        for index in range(12):
            write_png(tmp_path / "many" / f"{index}.png", photo)
        blur(tmp_path / "many", "--kind", "defocus", "-p", 0.5, "--out", tmp_path / "out")
        pictures = json.loads((tmp_path / "out" / "blur.json").read_text())["pictures"]
        unchanged = [name for name, picture in pictures.items() if picture.get("unchanged")]

        assert 0 < len(unchanged) < 12
        assert all(np.array_equal(read_image(tmp_path / "out" / name), photo) for name in unchanged)

    @pytest.mark.parametrize(
        "kind", ["motion", "shake", "defocus", "gaussian", "zoom", "depth", "noise", "saturation", "imagenet-c", "any"]
    )
    def test_every_kind_runs_with_its_defaults(self, kind: str, folder: Path, tmp_path: Path, photo: np.ndarray) -> None:
        """Every kind named in the help works without parameters and changes the picture."""
        result = blur(folder, "--kind", kind, "--seed", 3, "--out", tmp_path / "out")

        assert result.exit_code == 0, result.output
        assert not np.array_equal(read_image(tmp_path / "out" / "one.png"), photo)


class TestNames:
    """Which copy belongs to which picture."""

    def test_grey_and_transparency_stay(self, tmp_path: Path, photo: np.ndarray) -> None:
        """A grey picture's copy is grey, of its depth; transparency comes along untouched beside blurred colours."""
        alpha = np.arange(photo[..., 0].size, dtype=np.uint8).reshape(photo.shape[:2])
        write_png(tmp_path / "in" / "grey.png", photo[..., 0])
        write_png(tmp_path / "in" / "deep.png", photo[..., 0].astype(np.uint16) * np.uint16(257))
        write_png(tmp_path / "in" / "clear.png", np.dstack([photo, alpha]))
        blur(tmp_path / "in", "--kind", "gaussian", "--sigma-px", 2, "--out", tmp_path / "out")
        grey, deep, clear = (cv2.imread(str(tmp_path / "out" / f"{name}.png"), cv2.IMREAD_UNCHANGED) for name in ("grey", "deep", "clear"))

        assert np.array_equal(grey, convolve(photo[..., 0], psf.gaussian(2)))
        assert (deep.shape, deep.dtype) == (alpha.shape, np.uint16)
        assert np.array_equal(clear[..., 3], alpha)
        assert np.array_equal(clear[..., 2::-1], convolve(photo, psf.gaussian(2)))

    def test_more_pictures_join_the_same_folder(self, folder: Path, tmp_path: Path) -> None:
        """A second call with the same settings adds its pictures to the record instead of forgetting the first."""
        for name in ("one", "two"):
            blur(folder / f"{name}.png", "--kind", "motion", "--out", tmp_path / "out")

        assert sorted(json.loads((tmp_path / "out" / "blur.json").read_text())["pictures"]) == ["one.png", "two.png"]

    def test_another_picture_of_the_same_name_is_refused(self, folder: Path, tmp_path: Path) -> None:
        """A copy is never taken for that of another picture which happens to have its name."""
        blur(folder / "one.png", "--kind", "motion", "--out", tmp_path / "out")
        before = _bytes(tmp_path / "out")
        result = blur(folder / "sub" / "one.png", "--kind", "motion", "--out", tmp_path / "out")

        assert isinstance(result.exception, OutputError)
        assert "is the copy of" in str(result.exception)
        assert _bytes(tmp_path / "out") == before

    def test_output_that_is_the_input(self, folder: Path) -> None:
        """Pictures are not blurred over themselves, and the message says so."""
        result = blur(folder, "--kind", "motion", "--out", folder)

        assert isinstance(result.exception, OutputError)
        assert "choose another --out" in str(result.exception)

    def test_a_picture_beside_its_copy_is_not_its_own_copy(self, folder: Path) -> None:
        """One picture given by name, with its own folder as --out, is neither taken for a finished copy nor written over."""
        before = _bytes(folder)
        result = blur(folder / "one.png", "--kind", "motion", "--out", folder)

        assert isinstance(result.exception, OutputError)
        assert "is one of the pictures itself" in str(result.exception)
        assert _bytes(folder) == before
        assert not (folder / "blur.json").exists()

    @pytest.mark.parametrize("age", [0, 2_000_000_000], ids=["older", "newer"])
    def test_a_file_that_is_no_copy_is_left_alone(self, folder: Path, tmp_path: Path, age: int) -> None:
        """What lies in --out under a copy's name is not written over when older, nor recorded as blurred when newer."""
        write_png(tmp_path / "out" / "one.png", np.zeros((4, 4, 3), np.uint8))
        os.utime(tmp_path / "out" / "one.png", (age, age))
        before = _bytes(tmp_path / "out")
        result = blur(folder, "--kind", "motion", "--out", tmp_path / "out")

        assert isinstance(result.exception, OutputError)
        assert "no copy that blur.json tells of" in str(result.exception)
        assert _bytes(tmp_path / "out") == before

    def test_highlights_and_depth_take_their_parameters(self, folder: Path, tmp_path: Path) -> None:
        """Every blur takes --highlights, and the slanted plane of `depth` can be laid."""
        given = ("--near-m", 1, "--far-m", "5,20", "--slant-deg", 90, "--focal-length-mm", 85, "--highlights", 1)
        result = blur(folder, "--kind", "depth", *given, "--out", tmp_path / "out")
        record = json.loads((tmp_path / "out" / "blur.json").read_text())

        assert result.exit_code == 0, result.output
        assert all(5 <= entry["far_m"] <= 20 and entry["highlights"] == 1 for entry in record["pictures"].values())
        assert record["settings"]["focal_length_mm"] == 85

    def test_pictures_that_differ_in_their_suffix(self, tmp_path: Path, photo: np.ndarray) -> None:
        """a.jpg and a.png both get a copy of their own."""
        write_png(tmp_path / "in" / "a.png", photo)
        cv2.imwrite(str(tmp_path / "in" / "a.jpg"), photo)

        assert sorted(copy.name for copy in plan_copies([tmp_path / "in"], tmp_path / "out")) == ["a.jpg.png", "a.png.png"]
        assert "Next: rename pictures" in blur(tmp_path / "in", "--kind", "motion", "--out", tmp_path / "out").stderr

    def test_folders_of_one_name(self, tmp_path: Path, photo: np.ndarray) -> None:
        """Two folders are mirrored from what they have in common; nothing given twice is made twice."""
        for place in ("x/day", "y/day"):
            write_png(tmp_path / place / "1.png", photo)
        inputs = [tmp_path / "x" / "day", tmp_path / "y" / "day", tmp_path / "y" / "day" / "1.png"]

        assert [copy.name for copy in plan_copies(inputs, tmp_path / "out")] == ["x/day/1.png", "y/day/1.png"]

    def test_output_inside_the_input(self, folder: Path) -> None:
        """Copies from an earlier run inside the folder are not blurred again."""
        out = folder / "blurred"
        blur(folder, "--kind", "motion", "--out", out)
        blur(folder, "--kind", "motion", "--out", out)

        assert sorted(_bytes(out)) == ["one.png", "sub/one.png", "two.png"]


class TestFaults:
    """Wrong usage, damaged pictures, killed runs."""

    def test_a_killed_run_goes_on(self, folder: Path, tmp_path: Path) -> None:
        """Copies that are there are kept, missing and outdated ones are made, and the end is the same."""
        options = ["--kind", "shake", "--out", tmp_path / "out", "--json"]
        blur(folder, *options)
        whole = _bytes(tmp_path / "out")
        (tmp_path / "out" / "two.png").unlink()
        os.utime(tmp_path / "out" / "one.png", (0, 0))
        again = json.loads(blur(folder, *options).stdout)

        assert (again["blurred"], again["kept"]) == (2, 1)
        assert _bytes(tmp_path / "out") == whole

    def test_other_settings_are_refused(self, folder: Path, tmp_path: Path) -> None:
        """A folder of copies is not mixed with copies made otherwise."""
        blur(folder, "--kind", "motion", "--length-px", 5, "--out", tmp_path / "out")
        result = blur(folder, "--kind", "motion", "--length-px", 6, "--out", tmp_path / "out")

        assert isinstance(result.exception, OutputError)
        assert "length_px 5.0" in str(result.exception)

    def test_damaged_pictures_are_counted_and_fail_at_the_end(self, folder: Path, tmp_path: Path) -> None:
        """The sound pictures are blurred; the damaged one is named and the run fails."""
        (folder / "bad.png").write_bytes((folder / "one.png").read_bytes()[:90])
        result = blur(folder, "--kind", "motion", "--out", tmp_path / "out")

        assert isinstance(result.exception, SourceError)
        assert "bad.png" in str(result.exception)
        assert sorted(_bytes(tmp_path / "out")) == ["one.png", "sub/one.png", "two.png"]

    def test_a_picture_that_breaks_after_its_copy_can_be_mended(self, folder: Path, tmp_path: Path) -> None:
        """The copy of a picture that could not be read for a while is still known as its copy."""
        options = ["--kind", "motion", "--out", tmp_path / "out"]
        blur(folder, *options)
        whole, sound = _bytes(tmp_path / "out"), (folder / "one.png").read_bytes()
        for content in (sound[:90], sound):
            (folder / "one.png").write_bytes(content)
            os.utime(folder / "one.png", (2_000_000_000, 2_000_000_000))
            result = blur(folder, *options)

        assert result.exit_code == 0, result.output
        assert _bytes(tmp_path / "out") == whole

    def test_a_blur_beyond_all_bounds(self, folder: Path, tmp_path: Path) -> None:
        """A blur too large to make is the picture's sentence, no fault of ours; the folder is still free for other settings."""
        result = blur(folder, "--kind", "depth", "--near-m", "1e-4", "--out", tmp_path / "out")

        assert isinstance(result.exception, SourceError)
        assert "one.png: " in str(result.exception)
        assert _bytes(tmp_path / "out") == {}
        assert blur(folder, "--kind", "motion", "--length-px", 5, "--out", tmp_path / "out").exit_code == 0

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            (["--kind", "mtion"], "did you mean 'motion'"),
            (["--kind", "motion", "--radius-px", "3"], "its parameters are --length-px"),
            (["--kind", "motion", "--length-px", "31,3"], "reversed"),
            (["--kind", "motion", "--length-px", "1e9", "--save-psf"], "at most 4096"),
            (["--kind", "gaussian", "--sigma-px", "3000"], "at most 512"),
            (["--kind", "motion", "--length-px", "long"], "must be a number"),
            (["--kind", "noise", "--save-psf"], "only motion"),
            (["--kind", "defocus", "--blades", "2"], "at least 3"),
            (["--kind", "imagenet-c", "--corruption", "fog"], "one of"),
            (["--kind", "motion", "--curve", "none.csv"], "no curve"),
            (["--kind", "depth", "--border", "constant"], "--border is no parameter of depth"),
            (["--kind", "imagenet-c", "--curve", "linear"], "--curve is no parameter of imagenet-c"),
        ],
    )
    def test_wrong_usage_is_exit_code_2(self, folder: Path, tmp_path: Path, options: list[str], sentence: str) -> None:
        """Wrong options are refused before anything is written."""
        result = blur(folder, *options, "--out", tmp_path / "out")

        assert result.exit_code == 2
        assert sentence in " ".join(result.stderr.replace("│", " ").split())
        assert not (tmp_path / "out").exists()

    def test_no_traceback(self, tmp_path: Path) -> None:
        """A missing folder and an empty one are one sentence and exit code 1."""
        (tmp_path / "empty").mkdir()
        for place, sentence in (("missing", "no such file"), ("empty", "holds no pictures")):
            command = [sys.executable, "-m", "blurdata", "blur", str(tmp_path / place), "--kind", "motion", "--out", str(tmp_path / "out")]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

            assert (done.returncode, done.stdout) == (1, "")
            assert sentence in done.stderr
            assert "Traceback" not in done.stderr

    def test_needs_no_torch(self, folder: Path, tmp_path: Path) -> None:
        """The command starts quickly: it never imports torch."""
        program = (
            "import sys; from blurdata.cli import main; sys.argv[0] = 'blurdata'\ntry: main()\nfinally: assert 'torch' not in sys.modules"
        )
        command = [sys.executable, "-c", program, "blur", str(folder), "--kind", "motion", "--out", str(tmp_path / "out")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

        assert done.returncode == 0, done.stderr
