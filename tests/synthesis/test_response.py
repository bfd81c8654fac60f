"""Calibration of a response: known curves come back from noisy, clipped brackets."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage
from typer.testing import CliRunner

from blurdata.cli import build_app
from blurdata.color import curve
from blurdata.errors import OutputError, SourceError
from blurdata.sensor import NOISE_LEVELS, NoiseLevel, poisson_gaussian
from blurdata.synthesis.response import calibrate_response, table_text

CODES = np.arange(256) / 255
TIMES = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0]


def known_curve(name: str) -> NDArray[np.float64]:
    """Light of the 256 codes."""
    if name in ("gamma22", "srgb", "linear"):
        return curve(name).decode(CODES)
    light = np.linspace(0, 1, 20001)
    root = light ** (1 / 2.2)
    shaped = {"s": 0.6 * root**2 * (3 - 2 * root) + 0.4 * root, "film": ((1 - np.exp(-4 * light)) / (1 - np.exp(-4))) ** 0.8}
    return np.interp(CODES, shaped[name], light)


def light_of(scene: str) -> NDArray[np.float64]:
    """Linear light of a still scene of many stops."""
    y, x = np.mgrid[0:160, 0:200]
    if scene == "ramp":
        return (1e-3 * 3e3 ** (x / 199))[..., None] * np.array([1.0, 0.8, 1.2])
    blobs = np.exp(1.7 * np.sin(x / 17) + 1.6 * np.cos(y / 13) + 0.8 * np.sin((x + 2 * y) / 7))
    return 0.08 * blobs[..., None] * np.array([0.7, 1.0, 0.5])


def bracket(
    table: NDArray[np.float64], scene: str, noise: NoiseLevel, times: list[float] = TIMES, seed: int = 0
) -> list[NDArray[np.uint8]]:
    """Noisy, clipped 8-bit pictures."""
    rng = np.random.default_rng(seed)
    noisy = [np.clip(poisson_gaussian(light_of(scene) * time, noise, rng), 0, 1) for time in times]
    return [np.floor(np.interp(light, table, 255 * CODES) + 0.5).astype(np.uint8) for light in noisy]


def largest_error(estimate: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Largest relative error over codes 10 to 245 after the best scale."""
    ratio = estimate[10:246] / truth[10:246]
    return float(np.abs(ratio / np.exp(np.log(ratio).mean()) - 1).max())


@pytest.mark.parametrize("scene", ["ramp", "blobs"])
@pytest.mark.parametrize("name", ["gamma22", "srgb", "linear", "s", "film"])
def test_within_two_percent_of_a_known_curve(name: str, scene: str) -> None:
    """Seven noisy, clipped exposures give every code from 10 to 245 to within 2 %, in each channel."""
    truth = known_curve(name)

    response = calibrate_response(bracket(truth, scene, NOISE_LEVELS["rsblur"]), TIMES)

    assert max(largest_error(response.table[:, channel], truth) for channel in range(3)) <= 0.02


def test_noise_on_codes_is_seen_through() -> None:
    """Noise that was added to codes, clipped ones included, does not bend the curve."""
    rng = np.random.default_rng(3)
    clean = bracket(known_curve("srgb"), "ramp", NoiseLevel(0, 0))
    noisy = [np.clip(np.rint(shot + rng.normal(0, 1.0, shot.shape)), 0, 255).astype(np.uint8) for shot in clean]

    table = calibrate_response(noisy, TIMES).table

    assert max(largest_error(table[:, channel], known_curve("srgb")) for channel in range(3)) <= 0.02


def test_uneven_steps_in_any_order() -> None:
    """Exposure times need neither a fixed ratio nor an order."""
    times = [0.5, 4.0, 0.07, 1.3, 0.2]
    shots = bracket(known_curve("gamma22"), "blobs", NOISE_LEVELS["bsd"], times)

    assert largest_error(calibrate_response(shots, times).table[:, 1], known_curve("gamma22")) <= 0.03


def test_channels_are_separate() -> None:
    """Each channel gets its own curve."""
    names = ("gamma22", "srgb", "s")
    each = [bracket(known_curve(name), "ramp", NOISE_LEVELS["bsd"]) for name in names]
    shots = [np.stack([each[c][i][..., c] for c in range(3)], axis=-1) for i in range(7)]

    table = calibrate_response(shots, TIMES).table

    for channel, name in enumerate(names):
        assert largest_error(table[:, channel], known_curve(name)) <= 0.02


@pytest.mark.parametrize("method", ["comparagram", "debevec", "robertson"])
def test_table_is_strictly_increasing_and_read_back(method: str, tmp_path: object) -> None:
    """Every method gives a table that the curves' reader accepts, whose full code is light 1."""
    response = calibrate_response(bracket(known_curve("srgb"), "ramp", NOISE_LEVELS["rsblur"]), TIMES, method=method)
    path = tmp_path / "mine.txt"
    path.write_text(table_text(response, TIMES, method))

    assert (np.diff(response.table, axis=0) > 0).all()
    measured = curve(path)
    assert measured.channels == 3
    np.testing.assert_allclose(measured.light_of_codes(8).T, response.table / response.table[-1], rtol=1e-6, atol=1e-9)
    assert "scale is undetermined" in path.read_text()


@pytest.mark.parametrize("method", ["comparagram", "debevec", "robertson"])
@pytest.mark.parametrize("name", ["gamma22", "srgb", "s"])
def test_codes_beyond_those_seen_are_continued(name: str, method: str) -> None:
    """Clipped pixels have code 255, whose light nobody knows: the curve goes on straight to it, and scales by no code that was not seen."""
    response = calibrate_response(bracket(known_curve(name), "ramp", NOISE_LEVELS["bsd"]), TIMES, method=method)

    assert response.covered[1] == 254
    step, before = response.table[255] / response.table[254] - 1, (response.table[254] / response.table[246]) ** (1 / 8) - 1
    assert (step < 3 * before + 0.005).all()


def test_scale_of_time_does_not_matter() -> None:
    """Only ratios of times matter: the scale is undetermined."""
    shots = bracket(known_curve("srgb"), "ramp", NOISE_LEVELS["rsblur"])

    ours, scaled = (calibrate_response(shots, [factor * time for time in TIMES]).table for factor in (1, 1000))

    np.testing.assert_allclose(ours, scaled, rtol=1e-6)


def test_wrong_times_are_noticed() -> None:
    """Times that contradict the pictures are an error, not a curve."""
    shots = bracket(known_curve("srgb"), "ramp", NOISE_LEVELS["rsblur"])

    with pytest.raises(SourceError, match="contradict"):
        calibrate_response(shots, [time ** (1 + 0.3 * (i % 2)) for i, time in enumerate(TIMES)])


def test_times_that_were_mixed_up_are_noticed_by_brightness() -> None:
    """Two neighbouring times exchanged still agree to 0.06 stops, with a curve that is 6 % off; equal pictures have no curve at all."""
    shots = bracket(known_curve("srgb"), "ramp", NOISE_LEVELS["rsblur"])
    mixed = [TIMES[0], TIMES[2], TIMES[1], *TIMES[3:]]
    with pytest.raises(SourceError, match=r"Picture \d \(.* s\) is no brighter than picture \d \(.* s\) although it was exposed longer"):
        calibrate_response(shots, mixed)
    with pytest.raises(SourceError, match="is no brighter than picture"):
        calibrate_response([shots[2]] * 2, TIMES[:2])


def test_useless_brackets_are_refused() -> None:
    """Equal times, one picture, black pictures, wrong depth and wrong sizes each get their sentence."""
    shots = bracket(known_curve("srgb"), "ramp", NOISE_LEVELS["rsblur"])
    with pytest.raises(SourceError, match="different exposure times"):
        calibrate_response(shots[:2], [1.0, 1.0])
    with pytest.raises(SourceError, match="at least two"):
        calibrate_response(shots[:1], [1.0])
    with pytest.raises(SourceError, match="share too few codes"):
        calibrate_response([np.zeros((64, 64, 3), np.uint8)] * 2, [1.0, 2.0])
    with pytest.raises(SourceError, match="uint16"):
        calibrate_response([shot.astype(np.uint16) for shot in shots], TIMES)
    with pytest.raises(SourceError, match="one size"):
        calibrate_response([shots[0], shots[1][1:]], [1.0, 2.0])
    with pytest.raises(ValueError, match="2 pictures and 3 times"):
        calibrate_response(shots[:2], [1.0, 2.0, 3.0])


def save(folder: object, shots: list[NDArray[np.uint8]], exif: bool = True, iso: tuple[int, ...] = (100,)) -> list[str]:
    """PNG files with exposure times in their EXIF."""
    names = []
    for i, (shot, time) in enumerate(zip(shots, TIMES, strict=False)):
        tags = PillowImage.Exif()
        if exif:
            tags[0x8769] = {0x829A: time, 0x829D: 5.6, 0x8827: iso[i % len(iso)]}
        names.append(str(folder / f"shot{i}.png"))
        PillowImage.fromarray(shot).save(names[-1], exif=tags)
    return names


def call(*arguments: str) -> object:
    """The command as typed."""
    return CliRunner().invoke(build_app(), ["calibrate-response", *arguments])


def test_command_reads_times_from_exif(tmp_path: object) -> None:
    """The command writes a curve that is right, and names its result as JSON."""
    files = save(tmp_path, bracket(known_curve("srgb"), "ramp", NOISE_LEVELS["rsblur"]))

    done = call(*files, "--out", str(tmp_path / "mine.txt"), "--json")

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["scale"] == "undetermined"
    assert json.loads(done.stdout)["exposure_s"] == pytest.approx(TIMES)
    assert largest_error(curve(tmp_path / "mine.txt").light_of_codes(8)[1], known_curve("srgb")) <= 0.02


def test_command_takes_times_and_says_what_is_undetermined(tmp_path: object) -> None:
    """--exposures takes fractions, and the scale is said to be undetermined."""
    save(tmp_path, bracket(known_curve("srgb"), "ramp", NOISE_LEVELS["rsblur"]), exif=False)

    done = call(str(tmp_path), "--exposures", "1/16,1/8,1/4,1/2,1,2,4", "--out", str(tmp_path / "out" / "mine.txt"))

    assert done.exit_code == 0, done.output
    assert "undetermined" in done.stdout
    assert "synthesize" in done.stderr
    assert (tmp_path / "out" / "mine.txt").is_file()


@pytest.mark.parametrize(("arguments", "code"), [(["--exposures", "1/0,1"], 2), (["--exposures", "1,2"], 2), (["--method", "magic"], 2)])
def test_command_refuses_wrong_usage(arguments: list[str], code: int, tmp_path: object) -> None:
    """Wrong times and methods are wrong usage, and nothing is written."""
    files = save(tmp_path, bracket(known_curve("srgb"), "ramp", NOISE_LEVELS["rsblur"])[:3])

    done = call(*files, "--out", str(tmp_path / "mine.txt"), *arguments)

    assert done.exit_code == code
    assert not (tmp_path / "mine.txt").exists()


@pytest.mark.parametrize(("options", "sentence"), [({"exif": False}, "no exposure time"), ({"iso": (100, 200)}, "ISO changes")])
def test_command_refuses_brackets_without_times(options: dict[str, object], sentence: str, tmp_path: object) -> None:
    """Missing times and a changing ISO are data errors."""
    files = save(tmp_path, bracket(known_curve("srgb"), "ramp", NOISE_LEVELS["rsblur"]), **options)

    done = call(*files, "--out", str(tmp_path / "mine.txt"))

    assert isinstance(done.exception, SourceError)
    assert sentence in str(done.exception)


def test_command_does_not_overwrite_a_photograph(tmp_path: object) -> None:
    """A table in the place of one of the pictures, however it is named, is refused, and the picture is as it was."""
    files = save(tmp_path, bracket(known_curve("srgb"), "ramp", NOISE_LEVELS["rsblur"])[:3])
    before = Path(files[0]).read_bytes()
    (tmp_path / "link.txt").symlink_to(files[0])

    for out in (files[0], str(tmp_path / "link.txt")):
        done = call(*files, "--out", out)

        assert isinstance(done.exception, OutputError)
        assert "is one of the pictures itself" in str(done.exception)
    assert Path(files[0]).read_bytes() == before
