"""The whole package as a stranger walks it who has only the README: steps work; what breaks on the way is told, mended, and on it goes."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, default_collate
from torchvision import tv_tensors
from torchvision.transforms import v2
from typer.testing import CliRunner

from blurdata import open_source
from blurdata.cli import build_app
from blurdata.errors import SourceError
from blurdata.files import read_image, write_atomic, write_png
from blurdata.recipe import recipe_id
from blurdata.transforms import MakePair, MotionBlur

ROOT = Path(__file__).resolve().parents[1]
REALBLUR = "RealBlur-J_ECC_IMCORR_centroid_itensity_ref"
PAIRS = "pairs:pairs?blurry=blur_gamma&sharp=sharp"


def blurdata(place, *words):
    """Type a command in a folder, as a stranger does."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-m", "blurdata", *map(str, words)], capture_output=True, text=True, cwd=place, env=environment)


def done(run):
    """What a command that worked has printed."""
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr
    return run.stdout


def refused(run, *words, code=1):
    """A command that did not work: one sentence on stderr with the thing and the remedy, nothing on stdout, no traceback."""
    assert run.returncode == code, f"{run.stdout}\n{run.stderr}"
    assert "Traceback" not in run.stderr
    assert run.stdout == ""
    told = [line for line in run.stderr.splitlines() if line.startswith("blurdata: ")] if code == 1 else [run.stderr]
    assert len(told) == 1
    for word in words:
        assert word in told[0]


def cut(path, share=0.5):
    """A file as an interrupted copy leaves it; its whole content, to mend it with."""
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    return whole


def phone_video(path):
    """44 frames of 160x120 at about 240 a second, uneven as phones write them, with a hiccup in the middle, held upright."""
    av = pytest.importorskip("av")
    scene = np.random.default_rng(1).integers(20, 236, (15, 70, 3)).astype(np.uint8).repeat(8, 0).repeat(4, 1)
    time = 0
    with av.open(str(path), "w") as video:
        stream = video.add_stream("mpeg4", rate=240)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 160, 120, "yuv420p", 8_000_000
        stream.codec_context.time_base = Fraction(1, 24000)
        for number in range(44):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(scene[:, 2 * number : 2 * number + 160]), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 24000)
            time += 1000 if number == 21 else 100 + 8 * (number % 3 - 1)
            video.mux(stream.encode(frame))
        video.mux(stream.encode(None))
    data = path.read_bytes()
    plain, turned = (
        b"".join((v << 16).to_bytes(4, "big", signed=True) for v in four) for four in ((1, 0, 0, 0, 1, 0), (0, 1, 0, -1, 0, 0))
    )
    at = data.index(plain, data.index(b"tkhd"))
    path.write_bytes(data[:at] + turned + data[at + len(plain) :])


def boxes(seed):
    """A picture of coloured boxes."""
    rng = np.random.default_rng(seed)
    picture = np.full((96, 128, 3), 110, np.uint8)
    for x, y, width, height, *colour in rng.integers((0, 0, 4, 4, 10, 10, 10), (128, 96, 30, 30, 235, 235, 235), (40, 7)).tolist():
        cv2.rectangle(picture, (x, y), (x + width, y + height), colour, -1)
    return picture


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """An empty folder with a phone video, and the pairs that `synthesize` makes of it."""
    place = tmp_path_factory.mktemp("stranger")
    phone_video(place / "ride.mp4")
    done(blurdata(place, "synthesize", "ride.mp4", "--recipe", "gopro", "--out", "pairs"))
    return place


@pytest.fixture(scope="module")
def packed(home):
    """The same place with shards of the pairs."""
    done(blurdata(home, "pack", PAIRS, "--out", "shards"))
    return home


def test_a_phone_video_becomes_pairs(home, tmp_path):
    """Upright, with true times, none across the hiccup; a wrong command, recipe, film or place writes nothing."""
    metas = [json.loads(path.read_text()) for path in sorted((home / "pairs").rglob("meta/*.json"))]

    assert [meta["frames"] for meta in metas] == [list(range(11 * i, 11 * i + 11)) for i in range(4)]
    assert all(meta["rotation_deg"] == 270 and meta["exposure_s"] == pytest.approx(10 / 240, abs=1e-3) for meta in metas)
    assert json.loads((home / "pairs" / "synthesis.json").read_text())["summary"]["timing_breaks"] == 1
    for half in ("blur", "blur_gamma", "sharp"):
        assert [read_image(path).shape for path in sorted((home / "pairs").rglob(f"{half}/*.png"))] == [(160, 120, 3)] * 4

    whole = shutil.copy(home / "ride.mp4", tmp_path / "ride.mp4").read_bytes()
    refused(blurdata(tmp_path, "synthesize", "ride.mp4", "--recipee", "gopro", "--out", "pairs"), "--recipee", "--recipe)", code=2)
    refused(blurdata(tmp_path, "synthesize", "ride.mp4", "--recipe", "gopr", "--out", "pairs"), "'gopr'", "did you mean 'gopro'?")
    (tmp_path / "mine.yaml").write_text("window: 11\ncurv: srgb\n")
    refused(blurdata(tmp_path, "synthesize", "ride.mp4", "--recipe", "mine.yaml", "--out", "pairs"), "mine.yaml", "'curv'", "'curve'")
    cut(tmp_path / "ride.mp4")
    refused(blurdata(tmp_path, "synthesize", "ride.mp4", "--out", "pairs"), "ride.mp4", "export it again")
    (tmp_path / "ride.mp4").write_bytes(whole)
    refused(blurdata(tmp_path, "synthesize", "ride.mp4", "--out", "/proc/pairs"), "/proc/pairs", "--out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.yaml", "ride.mp4"]

    (tmp_path / "mine.yaml").write_text("window: 11\ncurve: srgb\n")
    done(blurdata(tmp_path, "synthesize", "ride.mp4", "--recipe", "mine.yaml", "--out", "pairs"))
    assert len(list(tmp_path.rglob("pairs/*/sharp/*.png"))) == 4


def test_pairs_become_shards_that_say_how_they_were_made(packed, tmp_path):
    """The recipe of synthesis and each pair's blur travel along; a truncated picture and a lost shard are named and mended."""
    told = json.loads(done(blurdata(packed, "info", "shards", "--json")))
    made = json.loads((packed / "pairs" / "synthesis.json").read_text())
    assert told["recipe"]["synthesis"] == {"recipe_id": made["recipe_id"], **made["recipe"]}
    assert made["recipe_id"] == recipe_id(made["recipe"])
    assert all(pair.meta["blur_px_p95"] > 10 and pair.meta["rotation_deg"] == 270 for pair in open_source(f"shards:{packed / 'shards'}"))

    place = shutil.copytree(packed, tmp_path / "copy")  # to break
    refused(blurdata(place, "pack", "pairs", "--out", "again"), "'pairs'", "did you mean 'pairs:pairs'?")
    refused(blurdata(place, "pack", "pairs:pairs", "--out", "again"), "blur, blur_gamma", "?blurry=")
    picture = sorted(place.rglob("sharp/*.png"))[2]
    whole = cut(picture)
    refused(blurdata(place, "pack", PAIRS, "--out", "again"), str(picture), "damaged or cut off", "fetch or export it again")
    assert not [path for path in (place / "again").rglob("*") if path.name != "plan.json"]
    picture.write_bytes(whole)
    done(blurdata(place, "pack", PAIRS, "--out", "again"))
    assert (place / "again/shard-00000.h5").read_bytes() == (packed / "shards/shard-00000.h5").read_bytes()

    (place / "shards/shard-00000.h5").unlink()
    lost = blurdata(place, "verify", "shards")
    assert lost.returncode == 1
    assert "shard-00000.h5: is missing" in lost.stdout
    assert "verify --repair" in lost.stderr
    done(blurdata(place, "verify", "shards", "--repair"))
    assert "sound" in done(blurdata(place, "verify", "shards"))


def test_the_report_names_the_pair_that_was_damaged(packed, tmp_path):
    """The findings of a good set are none; of a damaged one they name the pair, and `--fail-on` makes that an exit code."""
    done(blurdata(packed, "report", "shards", "--out", "report.html"))
    good = json.loads((packed / "findings.json").read_text())
    assert (good["pairs"], good["examined"], good["findings"]) == (4, 4, [])
    assert json.loads((packed / "pairs/synthesis.json").read_text())["recipe_id"] in (packed / "report.html").read_text()

    place = shutil.copytree(packed, tmp_path / "copy")  # to break
    refused(blurdata(place, "report", "shards", "--out", "pairs"), "pairs: is a folder", "report.html")
    refused(blurdata(place, "report", "shards", "--fail-on", "misalinged"), "'misalinged'", "misaligned", code=2)
    cut(next(place.rglob("sharp/000001.png")))
    bad = blurdata(place, "report", PAIRS, "--out", "bad/report.html", "--fail-on", "unreadable")
    found = json.loads((place / "bad/findings.json").read_text())["findings"]
    assert bad.returncode == 1
    assert "Traceback" not in bad.stderr
    assert {one["kind"] for one in found} == {"unreadable"}
    assert any("000001" in json.dumps(one) for one in found)


def test_sixteen_bits_stay_sixteen_bits(tmp_path):
    """A folder of 16-bit frames goes to shards without losing a bit; a frame that was cut off is named, and nothing was packed."""
    scene = np.random.default_rng(3).integers(2000, 60000, (8, 40, 3)).astype(np.uint16).repeat(8, 0).repeat(4, 1)
    for number in range(23):
        write_png(tmp_path / "take" / f"{number}.png", np.ascontiguousarray(scene[:, 2 * number : 2 * number + 96]))
    command = ("synthesize", "take", "--window", 11, "--format", "shards", "--variant", "blur_gamma", "--out", "shards")
    whole = cut(tmp_path / "take/7.png")
    refused(blurdata(tmp_path, *command), "take/7.png", "damaged or cut off", "fetch or export it again")
    assert [path.name for path in tmp_path.iterdir()] == ["take"]
    (tmp_path / "take/7.png").write_bytes(whole)
    done(blurdata(tmp_path, *command))

    pairs = open_source(f"shards:{tmp_path / 'shards'}")
    assert len(pairs) == 2
    assert pairs[0].blurry.dtype == pairs[0].sharp.dtype == np.uint16
    assert np.array_equal(pairs[0].sharp, read_image(tmp_path / "take/5.png"))
    assert (pairs[0].blurry % 257 != 0).any()


def test_a_published_set_is_audited_and_scored(tmp_path):
    """A part of RealBlur is told to be one, scored as published, and a list that leads out of the set is not followed."""
    for split, number in (("train", 183), ("test", 230)):
        folder, blurred = f"{REALBLUR}/scene{number}", cv2.GaussianBlur(boxes(number), (0, 0), 2)
        write_png(tmp_path / "RealBlur" / folder / "gt/gt_1.png", boxes(number))
        write_png(tmp_path / "RealBlur" / folder / "blur/blur_1.png", blurred)
        write_atomic(tmp_path / f"RealBlur/RealBlur_J_{split}_list.txt", f"{folder}/gt/gt_1.png {folder}/blur/blur_1.png \n")
    write_png(tmp_path / "mine/scene230/blur/blur_1.png", cv2.GaussianBlur(boxes(230), (0, 0), 1))

    audit = blurdata(tmp_path, "audit", "realblur-j:RealBlur")
    assert audit.returncode == 1
    assert "1 of the published 3758 pairs" in audit.stdout
    assert json.loads(done(blurdata(tmp_path, "info", "realblur-j:RealBlur?split=test", "--json")))["pairs"] == 1
    score = ("evaluate", "mine", "realblur-j:RealBlur?split=test", "--protocol", "realblur", "--out", "scores.json")
    listed = tmp_path / "RealBlur/RealBlur_J_test_list.txt"
    line = listed.read_text()
    listed.write_text(line.replace(REALBLUR, "../RealBlur"))
    refused(blurdata(tmp_path, *score), "RealBlur_J_test_list.txt, line 1", "'../RealBlur", "without '..'")
    refused(blurdata(tmp_path, "evaluate", "mien", "mine", "--protocol", "plain"), "mien: there is no such folder", "check the path")
    assert not (tmp_path / "scores.json").exists()
    listed.write_text(line)
    assert "over 1 image" in done(blurdata(tmp_path, *score))
    assert (tmp_path / "scores.json").exists()


def test_blur_goes_into_a_loader_with_workers():
    """MakePair in a torchvision pipeline, read by two workers: pairs in one batch, each with its own blur, the same with the same seed."""
    photographs = [tv_tensors.Image(torch.from_numpy(boxes(5)).permute(2, 0, 1))] * 4
    pipeline = v2.Compose([MakePair(MotionBlur(length_px=(3, 21))), v2.CenterCrop(64), v2.ToDtype(torch.float32, scale=True)])

    loader = DataLoader(photographs, 4, num_workers=2, collate_fn=lambda some: default_collate([pipeline(one) for one in some]))
    first, again = (next(iter(loader)) for _ in range(2) if torch.manual_seed(7))
    assert first["blurry"].shape == first["sharp"].shape == (4, 3, 64, 64)
    assert torch.equal(first["blurry"], again["blurry"])
    assert len({one.numpy().tobytes() for one in first["blurry"]}) == 4
    assert len({one.numpy().tobytes() for one in first["sharp"]}) == 1
    for wrong in ((21, 3), -1):
        with pytest.raises(ValueError, match="length_px"):
            MotionBlur(length_px=wrong)


def test_blur_leaves_boxes_where_they_are():
    """In albumentations, boxes and labels come out as they went in, and the log names the blur; a wrong range is named."""
    A = pytest.importorskip("albumentations")
    from blurdata.transforms.albumentations import MotionBlur as Motion

    where = A.BboxParams(format="pascal_voc", label_fields=["labels"])
    pipeline = A.Compose([A.HorizontalFlip(p=0), Motion(length_px=(9, 15), p=1)], bbox_params=where, seed=7, save_applied_params=True)
    out = pipeline(image=boxes(6), bboxes=[[20, 30, 60, 80]], labels=["fruit"])

    assert np.allclose(out["bboxes"], [[20, 30, 60, 80]])
    assert out["labels"] == ["fruit"]
    assert not np.array_equal(out["image"], boxes(6))
    assert 9 <= out["applied_transforms"][0][1]["length_px"] <= 15
    with pytest.raises(ValueError, match="length_px"):
        Motion(length_px=(15, 9))


def test_a_network_learns_from_the_shards_and_restores(packed, monkeypatch, tmp_path):
    """The demo's recipe of training takes the shards as the README makes them; its network restores, wrong words and files are named."""
    spec = importlib.util.spec_from_file_location("train_deblur", ROOT / "tools" / "train_deblur.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.chdir(packed)
    words = ["demo_train", "--shards", "shards", "--test", "shards", "--out", "run", "--workers", "0", "--device", "cpu"]
    for field in ("small=true", "warmup_steps=0", "stages=[{steps: 3, crop: 64, batch: 2}]"):
        words += ["--set", field]
    threads = torch.get_num_threads()
    for wrong, named in (("smal=true", "did you mean 'small'?"), ("where=blur_p95 < 25", "blur_px_p95")):
        monkeypatch.setattr(sys, "argv", ["train_deblur.py", *words, "--set", wrong])
        with pytest.raises(SystemExit, match=named):
            script.main()
    assert not (packed / "run").exists()
    monkeypatch.setattr(sys, "argv", ["train_deblur.py", *words])
    script.main()
    torch.set_num_threads(threads)
    assert json.loads((packed / "run/result.json").read_text())["ids"]["train"]["shards"]["plan_id"]

    blurry = sorted((packed / "pairs").rglob("blur_gamma"))[0]
    restore = ("deblur", blurry, "--out", "restored", "--checkpoint")
    network = Path(shutil.copy("run/network.pt", tmp_path))
    cut(network)
    for path, words in (("netwrok.pt", "no such checkpoint; give a network.pt"), (str(network), "train again or fetch it again")):
        told = CliRunner().invoke(build_app(), [*map(str, restore), path]).exception  # in this process, where torch is loaded already
        assert isinstance(told, SourceError)
        assert path in str(told)
        assert words in str(told)
    assert not Path("restored").exists()
    shutil.copy("run/network.pt", network)
    done(blurdata(tmp_path, *restore, "network.pt"))
    assert [read_image(path).shape for path in sorted((tmp_path / "restored").rglob("*.png"))] == [(160, 120, 3)] * 2
    assert "over 2 images" in done(blurdata(tmp_path, "evaluate", "restored", blurry.parent / "sharp", "--protocol", "plain"))
