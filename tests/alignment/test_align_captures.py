"""Capture folders become pairs in RealBlur's layout: lens, mirror, scale, faults, resumption, the source, raw files."""

import json
from pathlib import Path

import alignment_rig as rig
import cv2
import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from blurdata.alignment.captures import find_captures, load_views, read_lenses
from blurdata.alignment.geometry import scaling
from blurdata.alignment.lens import Lens, calibrate, read_lens, write_lens
from blurdata.alignment.raw import denoised, read_raw
from blurdata.alignment.recipe import AlignRecipe
from blurdata.alignment.run import align_folder
from blurdata.cli import build_app
from blurdata.errors import OutputError, SourceError
from blurdata.files import read_image, write_png
from blurdata.recipe import read_recipe
from blurdata.sources import open_source

SIZE = (420, 380)
RIG = rig.Rig(size=SIZE, shift_px=16, pair_shift_px=8, blur_px=(4, 14), lights=2)
SHARP, BLURRY = rig.Optics(SIZE, (-0.08, 0.02, 0.001, -0.0008)), rig.Optics(SIZE, (0.05, -0.01, -0.0005, 0.001))
SET = "RealBlur-J_ECC_IMCORR_centroid_itensity_ref"


@pytest.fixture(scope="module")
def made():
    """A scene of a reference and three pairs."""
    return rig.scene(3, 4, RIG)


@pytest.fixture
def captures(made, tmp_path):
    """Its files as two cameras with bent lenses write them, the sharp one mirrored; pair 4 is cut off."""
    root = tmp_path / "captures"
    for k, (blurry, sharp) in enumerate(zip(made.blurries, made.sharps, strict=True), 1):
        write_png(root / "shop 12" / "left" / f"{k}.png", rig.taken(sharp, SHARP, flip=True))
        write_png(root / "shop 12" / "right" / f"{k}.png", rig.taken(blurry, BLURRY))
    broken = root / "shop 12" / "left" / "4.png"
    broken.write_bytes(broken.read_bytes()[:5000])  # cut off
    return root


@pytest.fixture
def recipe(tmp_path):
    """Half size, with both lenses."""
    for name, optics in (("left", SHARP), ("right", BLURRY)):
        rows = tuple(tuple(row) for row in optics.matrix.tolist())
        write_lens(tmp_path / f"{name}.yaml", Lens(rows, optics.bends, SIZE))
    return AlignRecipe(crop=None, scale=0.5, lens_sharp=str(tmp_path / "left.yaml"), lens_blurry=str(tmp_path / "right.yaml"))


@pytest.fixture
def recipe_file(recipe, tmp_path):
    """The recipe as the command reads it."""
    path = tmp_path / "mine.yaml"
    path.write_text("\n".join(f"{name}: {json.dumps(value)}" for name, value in recipe.resolved().items()))
    return path


def files(folder: Path) -> dict[str, bytes]:
    """Every file and its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_folder_becomes_pairs_lists_and_reasons(captures, made, recipe, tmp_path):
    """Lens, mirror and scale are undone in one warp; a cut-off file is a reason; the list reads as the published ones."""
    out = tmp_path / "out"

    index = align_folder(captures, out, recipe)

    up, down = scaling(2), scaling(0.5)
    for pair, true in zip(index["pairs"][:3], made.homographies, strict=False):
        assert pair["status"] == "ok"
        assert rig.corner_error(np.array(pair["homography"]), down @ true @ up, (SIZE[0] // 2, SIZE[1] // 2)) < 0.15
    assert index["pairs"][3]["status"].endswith("4.png: is damaged or cut off; fetch or export it again")
    assert index["summary"] == {"captures": 4, "pairs": 3, "refused": 1}
    lines = [f"{SET}/scene012/gt/gt_{k}.png {SET}/scene012/blur/blur_{k}.png " for k in (1, 2, 3)]
    assert (out / "RealBlur_J_train_list.txt").read_text() == "\n".join(lines)
    assert not (out / SET / "scene012" / "gt" / "gt_4.png").exists()
    assert open_source(f"realblur-j:{out}?split=train").keys == ["scene012/1", "scene012/2", "scene012/3"]


def test_a_stopped_run_ends_with_the_same_bytes_on_more_cores(captures, recipe, tmp_path):
    """What a killed run left is kept, what is missing is made again, and two spawned workers write what one does."""
    one, two = tmp_path / "one", tmp_path / "two"
    align_folder(captures, one, recipe)
    align_folder(captures, two, recipe)
    kept = two / SET / "scene012" / "gt" / "gt_1.png"
    before = kept.stat().st_mtime_ns
    for name in (".alignment/scene012/2.json", f"{SET}/scene012/gt/gt_3.png", "alignment.json", "RealBlur_J_train_list.txt"):
        (two / name).unlink()

    align_folder(captures, two, recipe, workers=2)

    assert files(one) == files(two)
    assert kept.stat().st_mtime_ns == before


def test_a_folder_of_another_recipe_is_refused(captures, recipe, tmp_path):
    """Pairs of two recipes are never mixed in one folder."""
    align_folder(captures, tmp_path / "out", recipe)

    with pytest.raises(OutputError, match="another recipe"):
        align_folder(captures, tmp_path / "out", recipe.model_copy(update={"kernel_px": 60}))


def test_the_source_gives_the_same_pictures(captures, recipe, recipe_file, tmp_path):
    """``align:`` holds the pairs that were aligned, with the bytes that the command writes, and says what it left out."""
    align_folder(captures, tmp_path / "out", recipe)

    source = open_source(f"align:{captures}?recipe={recipe_file}&cache={tmp_path / 'cache'}")
    pair = source[1]

    assert source.keys == ["scene012/1", "scene012/2", "scene012/3"]
    assert source.summary()["refused"] == 1
    assert pair.key == "scene012/2"
    assert np.array_equal(pair.sharp, read_image(tmp_path / "out" / SET / "scene012" / "gt" / "gt_2.png"))
    assert np.array_equal(pair.blurry, read_image(tmp_path / "out" / SET / "scene012" / "blur" / "blur_2.png"))
    assert source.nbytes(1) == 2 * pair.sharp.nbytes
    again = open_source(source.text)
    assert (again.fingerprint(), again.keys) == (source.fingerprint(), source.keys)


def test_a_missing_reference_is_a_reason(captures, recipe, recipe_file, tmp_path):
    """Without the reference's sharp half no pair of the scene is written, and the command ends with one sentence."""
    (captures / "shop 12" / "left" / "1.png").unlink()

    result = CliRunner().invoke(
        build_app(), ["align", str(captures), "--out", str(tmp_path / "out"), "--recipe", str(recipe_file), "--workers", "1"]
    )

    assert isinstance(result.exception, SourceError)
    assert "not one of 4 pairs" in str(result.exception)
    assert result.output.count("reference pair") >= 3
    assert not list((tmp_path / "out").rglob("*.png"))
    align_folder(captures, tmp_path / "out", recipe.model_copy(update={"max_residual_px": 0.5}))  # another recipe, for it has not one pair


def test_the_command_draws_overlays(captures, recipe_file, tmp_path):
    """``--overlay KEY`` writes a picture of the pair before and after, twice as wide as the pair."""
    arguments = [
        "align",
        str(captures),
        "--out",
        str(tmp_path / "out"),
        "--recipe",
        str(recipe_file),
        "--workers",
        "1",
        "--overlay",
        "scene012/2",
    ]

    result = CliRunner().invoke(build_app(), arguments)

    assert result.exit_code == 0, result.output
    drawn = read_image(tmp_path / "out" / "overlay" / "scene012_2.png")
    pair = read_image(tmp_path / "out" / SET / "scene012" / "gt" / "gt_2.png")
    assert drawn.shape[1] == 2 * pair.shape[1]
    before, after = (drawn[28 : 28 + pair.shape[0], half] for half in (slice(0, pair.shape[1]), slice(pair.shape[1], None)))
    assert np.abs(after - 128.0).mean() < 0.7 * np.abs(before - 128.0).mean()


def test_an_overlay_of_no_pair_is_told_at_once(captures, recipe_file, tmp_path):
    """Before anything is aligned."""
    result = CliRunner().invoke(
        build_app(), ["align", str(captures), "--out", str(tmp_path / "out"), "--recipe", str(recipe_file), "--overlay", "scene012/9"]
    )

    assert isinstance(result.exception, SourceError)
    assert "scene012/9: there is no such pair" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_an_undistorted_view_is_the_picture_itself(made, captures, recipe):
    """At full size, mirror and lens undone, both cameras' files show what the rig saw."""
    full = recipe.model_copy(update={"scale": 1.0})
    capture = find_captures(captures, full)["scene012"][1]

    views = load_views(capture, full, read_lenses(full))

    for view, true in zip(views, (made.blurries[1], made.sharps[1]), strict=True):
        seen = view.codes(np.eye(3))[0]
        assert np.abs(seen - true)[40:-40, 40:-40].mean() < 4


def test_a_calibration_that_does_not_fit_is_told(captures, recipe, tmp_path):
    """A lens calibrated at another size, a missing one and one without a matrix are data errors that name the file."""
    write_lens(tmp_path / "left.yaml", Lens(((100.0, 0, 50.0), (0, 100.0, 50.0), (0, 0, 1.0)), (0.1, 0, 0, 0), (100, 100)))
    index = align_folder(captures, tmp_path / "out", recipe)
    assert "calibrated at 100x100" in index["pairs"][0]["status"]
    with pytest.raises(SourceError, match="no such calibration"):
        read_lens(tmp_path / "none.yaml")
    (tmp_path / "odd.yaml").write_text("%YAML:1.0\n---\nimage_width: 4\n")
    with pytest.raises(SourceError, match="camera_matrix"):
        read_lens(tmp_path / "odd.yaml")


def test_a_lens_is_found_from_checkerboards(tmp_path):
    """Distortion of drawn boards comes back as nearly the same map of points, and YAML keeps it exactly."""
    size, corners = (480, 640), (9, 6)
    matrix, bends = np.array([[600, 0, 325], [0, 600, 236], [0, 0, 1.0]]), (-0.15, 0.03, 0.0, 0.0)
    board = np.full((8 * 40, 11 * 40), 255, np.uint8)
    for row in range(7):
        for column in range(10):
            if (row + column) % 2:
                board[20 + row * 40 : 60 + row * 40, 20 + column * 40 : 60 + column * 40] = 0
    paths = []
    for i, (rx, ry) in enumerate([(0, 0), (0.5, 0), (-0.5, 0.1), (0, 0.5), (0.1, -0.5), (0.35, 0.35), (-0.3, -0.4)]):
        turn, _ = cv2.Rodrigues(np.array([rx, ry, 0.05 * i]))
        to_plane = np.array([[1, 0, -220], [0, 1, -160], [0, 0, 1.0]])
        pose = np.column_stack([turn[:, :2], [(i % 3 - 1) * 40.0, (i % 2) * 40.0 - 20, 560]])
        straight = cv2.warpPerspective(board, matrix @ pose @ to_plane, size[::-1], borderValue=255, flags=cv2.INTER_CUBIC)
        grid = np.stack(np.meshgrid(np.arange(size[1], dtype=np.float64), np.arange(size[0])), -1).reshape(-1, 1, 2)
        at = cv2.undistortPoints(grid, matrix, np.array(bends), P=matrix).reshape(*size, 2).astype(np.float32)
        seen = cv2.remap(straight, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderValue=255)
        paths.append(tmp_path / f"board{i}.png")
        write_png(paths[-1], np.repeat(seen[..., None], 3, axis=2))
    write_png(tmp_path / "none.png", np.full((*size, 3), 200, np.uint8))

    lens, error_px, left_out = calibrate([*paths, tmp_path / "none.png"], corners=corners)

    assert error_px < 0.5
    assert len(left_out) == 1
    true = Lens(tuple(tuple(row) for row in matrix.tolist()), bends, size)
    points = np.array([[120.0, 100.0], [320.0, 240.0], [520.0, 400.0], [150.0, 380.0]], np.float32)
    straight = [
        cv2.undistortPoints(points.reshape(-1, 1, 2), np.array(m), np.array(b))
        for m, b in ((lens.matrix, lens.distortion), (matrix, bends))
    ]
    assert np.abs(straight[0] - straight[1]).max() * 600 < 3
    assert (
        np.abs(
            true.distorted(points)
            - cv2.projectPoints(
                np.column_stack([(points - [325, 236]) / 600, np.ones(4)]), np.zeros(3), np.zeros(3), matrix, np.array(bends)
            )[0][:, 0]
        ).max()
        < 1e-2
    )
    write_lens(tmp_path / "lens.yaml", lens)
    assert read_lens(tmp_path / "lens.yaml") == lens


def write_dng(path: Path, linear: np.ndarray) -> None:
    """A minimal DNG: an RGGB mosaic of linear light in [0, 1] with the tags LibRaw needs."""
    mosaic = linear[..., 1].copy()
    mosaic[0::2, 0::2], mosaic[1::2, 1::2] = linear[0::2, 0::2, 0], linear[1::2, 1::2, 2]
    to_camera = [3.2404542, -1.5371385, -0.4985314, -0.969266, 1.8760108, 0.041556, 0.0556434, -0.2040259, 1.0572252]
    tags = [
        (33421, "H", 2, (2, 2), True), (33422, "B", 4, bytes([0, 1, 1, 2]), True), (50706, "B", 4, bytes([1, 4, 0, 0]), True),
        (50707, "B", 4, bytes([1, 1, 0, 0]), True), (50708, "s", 0, "Simulated Camera", True), (50714, "H", 1, 0, True),
        (50717, "H", 1, 65535, True), (50721, "2i", 9, [n for v in to_camera for n in (round(v * 10000), 10000)], True),
        (50728, "2I", 3, [1, 1] * 3, True), (50778, "H", 1, 21, True),
    ]  # fmt: skip
    picture = np.rint(np.clip(mosaic, 0, 1) * 65535).astype(np.uint16)
    tifffile.imwrite(path, picture, photometric=32803, planarconfig=1, metadata=None, extratags=tags, subfiletype=0)


def test_a_raw_file_is_read_in_linear_light(tmp_path):
    """A DNG of flat patches comes back with their light, to a thousandth."""
    pytest.importorskip("rawpy")
    light = np.zeros((64, 96, 3)) + np.array([0.2, 0.4, 0.1])
    light[:, 48:] *= 1.5
    write_dng(tmp_path / "a.dng", light)

    picture = read_raw(tmp_path / "a.dng")

    assert picture.dtype == np.uint16
    assert np.allclose(picture[20, 20] / 65535, [0.2, 0.4, 0.1], atol=1e-3)
    assert np.allclose(picture[20, 80] / 65535, [0.3, 0.6, 0.15], atol=1e-3)
    (tmp_path / "b.dng").write_bytes(b"II*\x00nothing")
    with pytest.raises(SourceError, match="no raw file"):
        read_raw(tmp_path / "b.dng")


def test_raw_captures_are_aligned_in_linear_light(tmp_path):
    """Recipe realblur_r aligns a shifted raw pair to a tenth of a pixel and writes dark, linear pictures."""
    pytest.importorskip("rawpy")
    rng = np.random.default_rng(0)
    scene = cv2.GaussianBlur(rng.random((300, 300, 3)), (0, 0), 2)
    scene = np.clip((scene - scene.min()) / np.ptp(scene) * 0.4, 0, 1)
    for k, (x, y) in enumerate([(0, 0), (6, 4)], 1):
        for half in ("left", "right"):
            (tmp_path / "captures" / "scene001" / half).mkdir(parents=True, exist_ok=True)
        blurry = scene[20:260, 20:260] + 0.002 * rng.standard_normal((240, 240, 3))
        sharp = scene[20 + y : 260 + y, 20 + x : 260 + x][:, ::-1] + 0.004 * rng.standard_normal((240, 240, 3))
        write_dng(tmp_path / "captures" / "scene001" / "right" / f"{k}.dng", blurry)
        write_dng(tmp_path / "captures" / "scene001" / "left" / f"{k}.dng", sharp)

    index = align_folder(
        tmp_path / "captures", tmp_path / "out", read_recipe("realblur_r", AlignRecipe).model_copy(update={"crop": None, "scale": 1.0})
    )

    assert [pair["status"] for pair in index["pairs"]] == ["ok", "ok"]
    assert np.abs(np.array(index["pairs"][1]["homography"])[:2, 2] - [6, 4]).max() < 0.15


def test_only_noise_goes_when_a_sharp_picture_is_denoised():
    """Non-local means takes half of the noise away and keeps an edge; a clean picture stays the same object."""
    rng = np.random.default_rng(0)
    clean = np.full((96, 96, 3), 0.1)
    clean[:, 48:] = 0.4
    noisy = np.rint(np.clip(clean + 0.01 * rng.standard_normal(clean.shape), 0, 1) * 65535).astype(np.uint16)
    still = np.rint(clean * 65535).astype(np.uint16)

    done = denoised(noisy, "linear") / 65535

    assert np.abs(done - clean).std() < 0.5 * np.abs(noisy / 65535 - clean).std()
    assert abs(done[:, 50:60].mean() - 0.4) < 0.01
    assert denoised(still, "linear") is still
