"""Scoring folders: pairing by name, faults that never end a run, tables, resuming, workers."""

import csv
import json
import multiprocessing
import textwrap
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from interrupting import interrupt, start
from typer.testing import CliRunner

from blurdata.cli import build_app
from blurdata.errors import BlurDataError, OutputError, PairMismatch, SourceError
from blurdata.files import write_png
from blurdata.metrics import Protocol, Task, evaluate, evaluation, match_restored, psnr, ssim
from blurdata.metrics.tables import as_csv, as_json, as_text, means, quoted


def scene(seed: int) -> np.ndarray:
    """A small picture with structure."""
    rng = np.random.default_rng(seed)
    return cv2.GaussianBlur(rng.integers(0, 256, (40, 44, 3), np.uint8), (0, 0), 1.5)


def noisy(picture: np.ndarray, seed: int) -> np.ndarray:
    """A restoration that is not perfect."""
    noise = np.random.default_rng(seed).normal(0, 6, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def realblur(tmp_path: Path) -> Path:
    """Three pictures of two scenes in RealBlur's layout, restored ones named as the official script writes them."""
    for seed, (name, number) in enumerate((("scene001", 1), ("scene001", 2), ("scene230", 1))):
        write_png(tmp_path / "RealBlur" / name / "gt" / f"gt_{number}.png", scene(seed))
        write_png(tmp_path / "RealBlur" / name / "blur" / f"blur_{number}.png", noisy(scene(seed), 50 + seed))
        write_png(tmp_path / "out" / f"{name}_blur_{number}.png", noisy(scene(seed), seed))
    return tmp_path


def call(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    result = CliRunner().invoke(build_app(), [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("restored", "sharp"),
    [
        ("scene001_blur_1.png", "scene001/gt/gt_1.png"),
        ("RealBlur_J/scene001_blur_1.png", "scene001/gt/gt_1.png"),
        ("GOPR0384_11_00-000001.png", "GOPR0384_11_00/sharp/000001.png"),
        ("GOPR0384_11_00/blur_gamma/000001.jpg", "test/GOPR0384_11_00/sharp/000001.png"),
        ("a/b/c/000/00000009.png", "val_sharp/000/00000009.png"),
        ("RSBlur_0001_000022.png", "RSBlur/0001/000022/gt/gt_sharp.png"),
        ("12_restored.png", "12_gt.png"),
        ("1fromGOPR0950.png", "GT/1fromGOPR0950.png"),
        ("x.png", "x.tif"),
    ],
)
def test_published_names_find_each_other(restored: str, sharp: str) -> None:
    """A restored picture finds its ground truth in every published form of names, among others of the same number."""
    others = ["scene002/gt/gt_1.png", "GOPR0385_11_00/sharp/000001.png", "val_sharp/001/00000009.png", "RSBlur/0002/000022/gt/gt_sharp.png"]

    assert match_restored([restored], [*others, sharp], allow_missing=True) == [(restored, sharp)]


def test_pictures_without_a_partner_are_listed() -> None:
    """Unmatched names of either side are an error that lists them; a part may be scored on purpose."""
    with pytest.raises(PairMismatch, match=r"1 restored picture without a sharp one \(z.png\); 1 sharp picture without .* \(b.png\)"):
        match_restored(["a.png", "z.png"], ["a.png", "b.png"])
    with pytest.raises(PairMismatch, match="--allow-missing"):
        match_restored(["a.png"], ["a.png", "b.png"])
    with pytest.raises(PairMismatch, match="without a sharp one"):
        match_restored(["q.png"], ["a.png"], allow_missing=True)

    assert match_restored(["a.png"], ["a.png", "b.png"], allow_missing=True) == [("a.png", "a.png")]


@pytest.mark.parametrize(
    ("restored", "sharp"),
    [
        (["a.jpg.png"], ["a.jpg"]),
        (["a.JPG.png"], ["a.JPG"]),
        (["a.jpg.png"], ["a.png"]),
        (["a.jpg.png", "a.png.png"], ["a.jpg", "a.png"]),
        (["run1/s1/a.jpg.png", "run1/s1/a.png.png"], ["s1/a.jpg", "s1/a.png"]),
        (["a.jpg.png", "a.png"], ["a.jpg.png", "a.png"]),
    ],
)
def test_restored_pictures_named_after_whole_file_names_find_their_partner(restored: list[str], sharp: list[str]) -> None:
    """``a.jpg.png`` is the restored ``a.jpg``, where the suffix is all that tells two pictures apart too."""
    assert match_restored(restored, sharp) == list(zip(restored, sharp, strict=True))


def test_suffixes_that_leave_a_choice_are_refused() -> None:
    """No partner is picked where two would do, on either side."""
    with pytest.raises(PairMismatch, match="could belong to 2 sharp pictures"):
        match_restored(["a.bmp.png"], ["a.jpg", "a.png"], allow_missing=True)
    with pytest.raises(PairMismatch, match="more than one restored picture"):
        match_restored(["a.jpg.png", "a.png"], ["a.jpg"])


def test_names_that_could_mean_two_pictures_are_refused() -> None:
    """A number alone is ambiguous where two scenes have it, and two restored pictures of one truth are an error."""
    with pytest.raises(PairMismatch, match="could belong to 2 sharp pictures"):
        match_restored(["1.png"], ["s1/1.png", "s2/1.png"], allow_missing=True)
    with pytest.raises(PairMismatch, match="more than one restored picture"):
        match_restored(["run1/s1_1.png", "run2/s1_1.png"], ["s1/1.png"])


@pytest.mark.parametrize("workers", [1, 2])
def test_scores_are_those_of_the_functions(workers: int, realblur: Path) -> None:
    """Rows come in the order of the tasks with the scores of psnr and ssim, for one worker and for two."""
    tasks = [
        Task(f"{s}/{n}", realblur / "out" / f"{s}_blur_{n}.png", realblur / "RealBlur" / s / "gt" / f"gt_{n}.png")
        for s, n in (("scene230", 1), ("scene001", 2), ("scene001", 1))
    ]
    seeds = (2, 1, 0)

    rows = evaluate(tasks, Protocol("plain"), workers=workers)

    assert [row.key for row in rows] == ["scene230/1", "scene001/2", "scene001/1"]
    for row, seed in zip(rows, seeds, strict=True):
        assert row.psnr == psnr(noisy(scene(seed), seed), scene(seed))
        assert row.ssim == ssim(noisy(scene(seed), seed), scene(seed))


@pytest.mark.parametrize("protocol", ["plain", "gopro-matlab", "realblur"])
def test_no_picture_ends_a_run(protocol: str, tmp_path: Path) -> None:
    """Black, flat, equal, damaged, missing and wrongly sized pictures each get a row that says so."""
    write_png(tmp_path / "sharp.png", scene(0))
    pictures = {"good": noisy(scene(0), 1), "black": scene(0) * 0, "flat": scene(0) * 0 + 128, "equal": scene(0), "small": scene(0)[:20]}
    for name, picture in pictures.items():
        write_png(tmp_path / f"{name}.png", picture)
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:900])
    names = [*pictures, "cut", "absent"]

    rows = evaluate([Task(name, tmp_path / f"{name}.png", tmp_path / "sharp.png") for name in names], Protocol(protocol), workers=1)

    status = {row.key: row.status for row in rows}
    expected = {"good": "ok", "black": "black", "flat": "ok", "equal": "identical", "small": "failed", "cut": "failed", "absent": "failed"}
    if protocol == "realblur":
        expected |= {"flat": "unalignable", "equal": status["equal"]}  # a warp of rounding size need not give exactly equal pictures
    assert status == expected
    assert all((row.psnr is None) == (row.status == "failed") for row in rows)
    assert all(row.reason for row in rows if row.status == "failed")
    json.dumps(as_json(rows, Protocol(protocol), {}), allow_nan=False)
    assert as_text(rows, Protocol(protocol)).count("not scored") == 1


def test_means_are_those_of_papers() -> None:
    """The mean is over images, infinite ones count for SSIM only, and it is quoted with two and four decimals."""
    rows = [evaluation.Row(str(i), "", p, s, "ok") for i, (p, s) in enumerate([(30.0, 0.9), (32.0, 0.8), (float("inf"), 1.0)])]
    rows.append(evaluation.Row("3", "", None, None, "failed"))

    assert means(rows) == {"psnr": 31.0, "ssim": pytest.approx(0.9)}
    assert quoted(rows) == "31.00 / 0.9000"


def test_the_csv_has_full_precision_and_origin(tmp_path: Path) -> None:
    """Every line has its scores as they are, the protocol's id and the versions."""
    row = evaluation.Row("a", "a.png", 31.123456789012, 0.987654321098, "ok", 1.0)

    (line,) = csv.DictReader(as_csv([row], Protocol("realblur")).splitlines())

    assert (float(line["psnr"]), float(line["ssim"])) == (row.psnr, row.ssim)
    assert line["protocol_id"] == Protocol("realblur").id
    assert line["opencv"] == cv2.__version__


def test_every_protocol_has_its_own_id() -> None:
    """Ids differ between protocols and between clipped and not, and the wrong names are refused."""
    assert len({Protocol("plain").id, Protocol("gopro-matlab").id, Protocol("realblur").id, Protocol("realblur", clip=True).id}) == 4
    with pytest.raises(ValueError, match="plain, gopro-matlab, realblur"):
        Protocol("niqe")
    with pytest.raises(ValueError, match="clip"):
        Protocol("plain", clip=True)


def test_a_stopped_run_carries_on(realblur: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows in the journal are not made again, a torn last line and changed files are."""
    tasks = [Task(str(n), realblur / "out" / f"scene001_blur_{n}.png", realblur / f"RealBlur/scene001/gt/gt_{n}.png") for n in (1, 2)]
    journal = realblur / "journal"
    first = evaluate(tasks, Protocol("plain"), workers=1, journal=journal)
    journal.write_text(journal.read_text() + '{"stamp": "torn')
    write_png(tasks[1].restored, scene(9))
    made: list[str] = []
    real = evaluation.score_files
    monkeypatch.setattr(evaluation, "score_files", lambda task, protocol: made.append(task.key) or real(task, protocol))

    again = evaluate(tasks, Protocol("plain"), workers=1, journal=journal)
    other = evaluate(tasks, Protocol("gopro-matlab"), workers=1, journal=journal)

    assert made == ["2", "1", "2"]
    assert again[0] == first[0]
    assert again[1].psnr != first[1].psnr
    assert other[0].ssim != again[0].ssim


def test_a_killed_worker_is_told_and_loses_nothing(realblur: Path) -> None:
    """Where a worker is killed the run ends with one sentence, and what was scored is in the journal."""
    tasks = [Task(str(n), realblur / "out" / "scene001_blur_1.png", realblur / "RealBlur/scene001/gt/gt_1.png") for n in range(40)]
    journal = realblur / "journal"

    def kill(steps: float = 1, *, note: str = "") -> None:
        for child in multiprocessing.active_children():
            child.kill()

    with pytest.raises(BlurDataError, match="fewer --workers"):
        evaluate(tasks, Protocol("plain"), workers=2, journal=journal, advance=kill)

    assert 1 <= len(journal.read_text().splitlines()) < 40


def test_ctrl_c_ends_at_once_and_leaves_nothing_behind(realblur: Path) -> None:
    """Stopped in the middle of thousands of pictures the run ends within seconds, in silence, with what was scored kept."""
    script = """
        import sys
        from pathlib import Path
        from blurdata.metrics import Protocol, Task, evaluate
        root = Path(sys.argv[1])
        halves = root / "out" / "scene001_blur_1.png", root / "RealBlur/scene001/gt/gt_1.png"
        try:
            evaluate([Task(str(n), *halves) for n in range(100_000)], Protocol("realblur"), workers=2, journal=root / "journal")
        except KeyboardInterrupt:
            print("stopped")
    """
    run = start("-c", textwrap.dedent(script), realblur)
    journal = realblur / "journal"
    try:
        deadline = time.monotonic() + 120
        while not (journal.is_file() and journal.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.05)
        out, err = interrupt(run, timeout_s=20)
    finally:
        run.kill()

    assert (out, err, run.returncode) == ("stopped\n", "", 0)
    assert len(journal.read_text().splitlines()) >= 1


def test_a_journal_that_cannot_be_written_is_told(realblur: Path) -> None:
    """A full or read-only place is one sentence."""
    task = Task("1", realblur / "out" / "scene001_blur_1.png", realblur / "RealBlur/scene001/gt/gt_1.png")

    with pytest.raises(OutputError, match="cannot be written"):
        evaluate([task], Protocol("plain"), workers=1, journal=realblur)


def test_the_command_scores_a_published_set(realblur: Path) -> None:
    """Restored pictures named by the official script are scored against the tree, with JSON, CSV and text."""
    files = realblur / "scores.json", realblur / "deep" / "scores.csv"

    code, out, err = call(
        "evaluate", realblur / "out", realblur / "RealBlur", "--protocol", "plain", "--out", files[0], "--out", files[1], "--workers", 1
    )

    told = json.loads(files[0].read_text())
    assert code == 0
    assert "PSNR" in out
    assert "Next:" in err
    assert [image["key"] for image in told["images"]] == ["scene001/gt/gt_1.png", "scene001/gt/gt_2.png", "scene230/gt/gt_1.png"]
    assert told["mean"]["psnr"] == pytest.approx(np.mean([psnr(noisy(scene(i), i), scene(i)) for i in range(3)]))
    assert told["protocol"]["id"] == Protocol("plain").id
    assert {"recipe_id", "sharp_fingerprint", "versions", "quoted"} <= set(told)
    assert len(files[1].read_text().splitlines()) == 4
    assert not list(realblur.glob(".*partial"))


def test_the_command_takes_a_source_as_ground_truth(realblur: Path) -> None:
    """A source text gives ground truths with the recipe's id, and JSON can go to standard output alone."""
    code, out, _ = call(
        "evaluate",
        realblur / "out",
        f"realblur-j:{realblur / 'RealBlur'}?include_reference=yes",
        "--protocol",
        "plain",
        "--json",
        "--workers",
        1,
    )

    told = json.loads(out)
    assert code == 0
    assert [image["key"] for image in told["images"]] == ["scene001/1", "scene001/2", "scene230/1"]
    assert told["recipe"]["kind"] == "realblur-j"


def test_the_command_exits_1_where_pictures_failed(realblur: Path) -> None:
    """A damaged picture is told, the others are scored, and the exit code says that something is wrong."""
    broken = realblur / "out" / "scene001_blur_2.png"
    broken.write_bytes(broken.read_bytes()[:500])

    code, out, err = call("evaluate", realblur / "out", realblur / "RealBlur", "--protocol", "plain", "--workers", 1)

    assert code == 1
    assert "over 2 images" in out
    assert "gt_2.png" in out
    assert "1 of 3 pictures could not be scored" in err


def test_a_mended_run_keeps_what_was_scored(realblur: Path) -> None:
    """After a failure the scores so far are kept for the next run, which leaves nothing behind once it is whole."""
    broken, place = realblur / "out" / "scene001_blur_2.png", realblur / "scores.json"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:500])
    command = ("evaluate", realblur / "out", realblur / "RealBlur", "--protocol", "plain", "--workers", 1, "--out", place)

    assert call(*command)[0] == 1
    assert len((realblur / ".scores.json.partial").read_text().splitlines()) == 2
    broken.write_bytes(whole)
    assert call(*command)[0] == 0
    assert not (realblur / ".scores.json.partial").exists()
    assert json.loads(place.read_text())["status"] == {"ok": 3}


def test_wrong_usage_exits_2(realblur: Path) -> None:
    """A protocol that does not exist, none at all, and --clip with the wrong one are usage errors."""
    folders = realblur / "out", realblur / "RealBlur"

    assert call("evaluate", *folders, "--protocol", "lpips")[0] == 2
    assert call("evaluate", *folders)[0] == 2
    assert call("evaluate", *folders, "--protocol", "plain", "--clip")[0] == 2
    assert call("evaluate", *folders, "--protocol", "plain", "--out", realblur / "scores.txt")[0] == 2


def test_places_that_hold_nothing_are_told(realblur: Path) -> None:
    """A missing folder and a source that is no pictures on disk are one sentence each."""
    with pytest.raises(SourceError, match="no such folder"):
        call("evaluate", realblur / "nothing", realblur / "RealBlur", "--protocol", "plain")
    with pytest.raises(SourceError, match="no such folder"):
        call("evaluate", realblur / "out", realblur / "nothing", "--protocol", "plain")


def test_a_stop_that_was_swallowed_is_raised_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ctrl-C that fell into a callback which swallows exceptions still ends the run, before the next picture."""
    from blurdata import interrupt

    monkeypatch.setattr(interrupt, "_asked", False)
    with pytest.raises(interrupt.Stopped):
        interrupt._stop(2, None)
    with pytest.raises(KeyboardInterrupt):
        evaluate([Task("a", tmp_path / "a.png", tmp_path / "a.png")], Protocol("plain"), workers=1)


def test_scores_of_a_part_say_so(tmp_path: Path) -> None:
    """A listed picture that is not there, and a truth without a restored picture, are told beside the scores and kept with them."""
    rng = np.random.default_rng(0)
    folder = "RealBlur-J_ECC_IMCORR_centroid_itensity_ref"
    lines = [f"{folder}/scene230/gt/gt_{n}.png {folder}/scene230/blur/blur_{n}.png " for n in (2, 3, 4)]
    (tmp_path / "RealBlur_J_test_list.txt").write_text("\n".join(lines))
    picture = rng.integers(0, 255, (32, 32, 3), np.uint8)
    for name in ("gt/gt_2", "blur/blur_2", "gt/gt_3", "blur/blur_3"):
        write_png(tmp_path / folder / "scene230" / f"{name}.png", picture)
    write_png(tmp_path / "restored" / "scene230_2.png", picture)
    command = ["evaluate", str(tmp_path / "restored"), f"realblur-j:{tmp_path}?split=test", "--protocol", "plain", "--workers", "1"]

    told = CliRunner().invoke(build_app(), [*command, "--allow-missing", "--json"])

    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["lacking"] == [
        "split 'test' has 2 of the published 980 pairs (978 missing)",
        "scene230/4: is listed and not there",
        "1 of 2 ground truths have no restored picture",
    ]
    assert "the scores of a part" in told.stderr
