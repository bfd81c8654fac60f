"""Every example on a help page works as typed, in a folder that holds what it names."""

import os
import shlex
import shutil

import av
import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from blurdata.cli import build_app
from blurdata.files import write_atomic, write_png
from blurdata.shards import build
from blurdata.sources import open_source

REALBLUR = "RealBlur-J_ECC_IMCORR_centroid_itensity_ref"
# what takes minutes, or a rig's full-size captures: their words are checked, their work is tested elsewhere
ONLY_PARSED = ("demo", "align", "deblur", "train", "calibrate-lens", "verify shards --by-training", "convert 'lmdb", "--workers 8")
# sets as small as these lack what was published, which is what these commands are there to say
MAY_FIND_FAULTS = ("audit", "report shards/ --out report.html --fail-on", "doctor")


def examples():
    """Every example of every command, and of commands below commands."""
    app = typer.main.get_command(build_app())
    for command in app.commands.values():
        for one in getattr(command, "commands", {"": command}).values():
            yield from one.examples


def scene(seed, height=96, width=128):
    """A picture of coloured boxes."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 110, np.uint8)
    for _ in range(40):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        colour = [int(v) for v in rng.integers(10, 235, 3)]
        cv2.rectangle(picture, (x, y), (x + int(rng.integers(4, 30)), y + int(rng.integers(4, 30))), colour, -1)
    return picture


def write_video(path):
    """Sixty frames of a slow pan, 240 a second."""
    picture = scene(1, 96, 260)
    with av.open(str(path), "w", format="mp4") as video:
        stream = video.add_stream("mpeg4", rate=240)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 128, 96, "yuv420p", 4_000_000
        for i in range(60):
            video.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:, 2 * i : 2 * i + 128]), format="rgb24")))
        video.mux(stream.encode(None))


def write_gopro(root):
    """A film whose every seventh window was averaged, as ``GOPRO_Large_all`` and ``GOPRO_Large``."""
    wide = scene(2, 64, 260)
    frames = [np.ascontiguousarray(wide[:, 2 * n : 2 * n + 96]) for n in range(56)]
    for split, name in (("train", "GOPR0001_07_00"), ("test", "GOPR0002_07_00")):
        for number, frame in enumerate(frames, start=1):
            write_png(root / "GOPRO_Large_all" / split / name / f"{number:06d}.png", frame)
        for k in range(2, 7):
            window = np.stack(frames[7 * k - 3 : 7 * k + 4]).astype(float)
            folder = root / "GOPRO_Large" / split / name
            write_png(folder / "sharp" / f"{k:06d}.png", frames[7 * k])
            write_png(folder / "blur" / f"{k:06d}.png", np.floor(window.mean(axis=0) + 0.5).astype(np.uint8))
            gamma = 255 * ((window / 255) ** 2.2).mean(axis=0) ** (1 / 2.2)
            write_png(folder / "blur_gamma" / f"{k:06d}.png", np.floor(gamma + 0.5).astype(np.uint8))


def write_realblur(root):
    """Two scenes of RealBlur-J, and a network's answer to the one for testing."""
    for split, number in (("train", 183), ("test", 230)):
        folder = f"{REALBLUR}/scene{number}"
        sharp = scene(number)
        for half, picture in (("gt", sharp), ("blur", cv2.GaussianBlur(sharp, (0, 0), 2))):
            write_png(root / "RealBlur" / folder / half / f"{half}_1.png", picture)
        write_atomic(root / "RealBlur" / f"RealBlur_J_{split}_list.txt", f"{folder}/gt/gt_1.png {folder}/blur/blur_1.png \n")
    write_png(root / "results" / "RealBlur_J" / "scene230" / "blur" / "blur_1.png", cv2.GaussianBlur(scene(230), (0, 0), 1))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """What the examples name."""
    root = tmp_path_factory.mktemp("world")
    write_video(root / "ride.mp4")
    shutil.copy(root / "ride.mp4", root / "walk.mov")
    write_png(root / "picture.png", scene(3))
    cv2.imwrite(str(root / "photo.jpg"), scene(3))
    for i in range(3):
        write_png(root / "photos" / f"{i}.png", scene(4 + i))
        for place in ("my_pairs", "data/mine"):
            write_png(root / place / "sharp" / f"{i}.png", scene(4 + i))
            write_png(root / place / "blurry" / f"{i}.png", cv2.GaussianBlur(scene(4 + i), (0, 0), 1.5))
        for place, seed in (("mine/sharp", 4 + i), ("mine/restored", 4 + i)):
            write_png(root / place / f"{i}.png", scene(seed))
    write_gopro(root)
    shutil.copytree(root / "GOPRO_Large" / "test", root / "results" / "gopro")
    for folder in (root / "results" / "gopro").glob("*"):
        for half in ("blur", "blur_gamma"):
            shutil.rmtree(folder / half)
    write_realblur(root)
    light = (scene(9).astype(float) / 255) ** 2.2
    times = [1 / 60 * 2**i for i in range(3)]
    for name, time in zip("abc", times, strict=True):
        shot = (255 * np.clip(light * time * 20, 0, 1) ** (1 / 2.2)).round().astype(np.uint8)
        write_png(root / f"{name}.png", shot)
    build(open_source(f"convolve:{root / 'photos'}?kernels_per_picture=2"), root / "shards")
    return root


@pytest.mark.parametrize("example", sorted(set(examples())))
def test_example_works_as_typed(example, world, tmp_path, monkeypatch):
    """Typed in a folder that holds what it names, an example ends as it should and leaves no traceback."""
    words = shlex.split(example)[1:]
    app = build_app()
    if any(part in example for part in ONLY_PARSED) or "bracket/*.jpg" in example:
        group = typer.main.get_command(app)
        group.commands[words[0]].make_context(words[0], words[1:])
        return
    place = tmp_path / "here"
    shutil.copytree(world, place, copy_function=os.link)  # what is written replaces a file, so that links keep the world as it was
    monkeypatch.chdir(place)
    if "--out" in words and words[0] in ("pack", "convert", "synthesize"):  # a first run, not one that carries on
        shutil.rmtree(place / words[words.index("--out") + 1], ignore_errors=True)

    result = CliRunner().invoke(app, words)

    allowed = (0, 1) if any(part in example for part in MAY_FIND_FAULTS) else (0,)
    assert result.exit_code in allowed, f"{result.output}\n{result.exception!r}"
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.stdout
