"""The audit names every planted fault and leaves a sound set alone."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from blurdata.cli import build_app
from blurdata.cli.audit import as_text
from blurdata.files import read_image, write_png
from blurdata.pairs import Pair, PairList
from blurdata.quality.audit import audit as audit_source
from blurdata.sources import open_source

SIDE = (144, 176)
SEQUENCES = {"train": ("GOPR0372_07_00", 47), "test": ("GOPR0384_11_00", 1)}
FRAMES = 4


PAD = 12


def scene(seed: int) -> np.ndarray:
    """(168, 200, 3) float codes in [0, 1]: hard-edged shapes on a slope, with a fine grain; its rim is for the shake."""
    rng = np.random.default_rng(seed)
    height, width = SIDE[0] + 2 * PAD, SIDE[1] + 2 * PAD
    canvas = np.ones((height, width, 3)) * np.linspace(0.15, 0.6, width)[None, :, None]
    for _ in range(60):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (int(rng.integers(3, 22)), int(rng.integers(3, 22)))
        cv2.ellipse(canvas, centre, axes, float(rng.uniform(0, 180)), 0, 360, rng.uniform(0.03, 0.9, 3).tolist(), -1)
    grain = cv2.GaussianBlur(rng.normal(0, 0.05, canvas.shape), (0, 0), 0.8)
    return np.clip(cv2.GaussianBlur(canvas, (0, 0), 0.6) + grain, 0.02, 0.94)


def cropped(codes: np.ndarray) -> np.ndarray:
    """Without the rim."""
    return codes[PAD:-PAD, PAD:-PAD]


def shaken(codes: np.ndarray, seed: int, *, light: bool) -> np.ndarray:
    """The mean of moving frames, in light or in codes; its centre is the sharp frame."""
    rng = np.random.default_rng(seed)
    length, angle = rng.uniform(6, 12), rng.uniform(0, np.pi)
    frames = []
    for step in np.linspace(-0.5, 0.5, 13):
        warp = np.float32([[1, 0, step * length * np.cos(angle)], [0, 1, step * length * np.sin(angle)]])
        frames.append(np.clip(cropped(cv2.warpAffine(codes, warp, codes.shape[1::-1], flags=cv2.INTER_LINEAR)), 0, 1))
    stack = np.array(frames)
    return np.mean(stack**2.2, axis=0) ** (1 / 2.2) if light else stack.mean(axis=0)


def to_codes(picture: np.ndarray) -> np.ndarray:
    """8-bit codes."""
    return np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small GoPro tree without a fault, made once."""
    root = tmp_path_factory.mktemp("gopro")
    for split, (sequence, first) in SEQUENCES.items():
        for frame in range(FRAMES):
            seed = frame + 100 * (split == "test")
            folder, name = root / split / sequence, f"{first + frame:06d}.png"
            write_png(folder / "sharp" / name, to_codes(cropped(scene(seed))))
            write_png(folder / "blur" / name, to_codes(shaken(scene(seed), seed, light=False)))
            write_png(folder / "blur_gamma" / name, to_codes(shaken(scene(seed), seed, light=True)))
    return root


@pytest.fixture
def tree(sound: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(sound, tmp_path / "gopro"))


def audit(text: str, *more: str) -> tuple[int, dict[str, object]]:
    """Exit code and JSON answer of the command."""
    result = CliRunner().invoke(build_app(), ["audit", text, "--json", "--workers", "1", *more])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, json.loads(result.stdout)


def kinds(told: dict[str, object]) -> set[str]:
    """The kinds of fault that an audit named."""
    return {fault["kind"] for fault in told["faults"]}  # type: ignore[index,attr-defined]


@pytest.mark.parametrize("variant", ["blur", "blur_gamma"])
def test_a_sound_part_is_left_alone(variant: str, sound: Path) -> None:
    """A sound set that is a part on purpose has no fault but the frames it lacks of the published sequences; its variant is right."""
    flat = f"pairs:{sound}?blurry={variant}"

    code, told = audit(flat)

    assert (code, told["faults"]) == (0, [])
    assert told["averaging"]["verdict"] == {"blur": "codes", "blur_gamma": "light"}[variant]  # type: ignore[index]
    assert (told["splits"], told["sizes"], told["bits"]) == ({"test": 4, "train": 4}, {"176x144": 8}, {"8": 8})


def test_counts_are_held_against_the_published_ones(sound: Path) -> None:
    """What is short of the published set is wrong, and only told where the set is a part on purpose."""
    code, told = audit(f"gopro:{sound}?variant=blur")
    _, part = audit(f"gopro:{sound}?variant=blur", "--partial")

    assert (code, part["faults"]) == (1, [])
    assert [fault["sentence"] for fault in told["faults"] if fault["kind"] == "missing"] == [  # type: ignore[index,attr-defined]
        "split 'train' has 4 of the published 2103 pairs (2099 missing)",
        "split 'test' has 4 of the published 1111 pairs (1107 missing)",
        "GOPR0372_07_00: lacks 96 of the 100 published pairs (000051, 000052, 000053, 000054, 000055, 000056 and 90 more)",
    ]
    assert part["summary"]["published_train"] == 2103  # type: ignore[index]


def test_splits_count_pairs_that_are_not_opened_or_cannot_be(tree: Path) -> None:
    """Counts stand beside the published ones, so a sample or a broken file does not change them."""
    next((tree / "test").rglob("blur/*.png")).write_bytes(b"\x89PNG")

    for more in ((), ("--sample", "2")):
        assert audit(f"gopro:{tree}?variant=blur", *more)[1]["splits"] == {"train": 4, "test": 4}


@pytest.mark.parametrize(("named", "held"), [("blur", "blur_gamma"), ("blur_gamma", "blur")])
def test_the_wrong_variant_is_told(named: str, held: str, tree: Path) -> None:
    """A folder that holds the other variant's pictures is told by their content."""
    for folder in tree.glob(f"*/*/{named}"):
        shutil.rmtree(folder)
        shutil.copytree(folder.parent / held, folder)

    code, told = audit(f"gopro:{tree}?variant={named}", "--partial")

    assert code == 1
    assert "variant" in kinds(told)


def lose_half(tree: Path) -> None:
    """A frame without its sharp half."""
    (tree / "train/GOPR0372_07_00/sharp/000050.png").unlink()


def lose_frame(tree: Path) -> None:
    """A frame that is gone from all folders."""
    for half in ("blur", "blur_gamma", "sharp"):
        (tree / f"train/GOPR0372_07_00/{half}/000048.png").unlink()


def double(tree: Path) -> None:
    """One picture twice in a split."""
    for half in ("blur", "blur_gamma", "sharp"):
        folder = tree / "test/GOPR0384_11_00" / half
        shutil.copy(folder / "000001.png", folder / "000003.png")


def leak(tree: Path) -> None:
    """A training picture in the test split."""
    for half in ("blur", "blur_gamma", "sharp"):
        shutil.copy(tree / "train/GOPR0372_07_00" / half / "000047.png", tree / "test/GOPR0384_11_00" / half / "000002.png")


def near_leak(tree: Path) -> None:
    """The same, darker and compressed."""
    for half in ("blur", "blur_gamma", "sharp"):
        picture = read_image(tree / "train/GOPR0372_07_00" / half / "000047.png")
        packed = cv2.imencode(".jpg", (picture * 0.85).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
        write_png(tree / "test/GOPR0384_11_00" / half / "000002.png", cv2.imdecode(packed, cv2.IMREAD_COLOR))


def share_scene(tree: Path) -> None:
    """A sequence on both sides."""
    folder = tree / "test" / "GOPR0372_07_00"
    shutil.copytree(tree / "test/GOPR0384_11_00", folder)
    shutil.rmtree(tree / "test/GOPR0384_11_00")


def shift(tree: Path) -> None:
    """One pair 4 px out of place."""
    for path in tree.glob("train/*/blur*/000049.png"):
        write_png(path, np.roll(read_image(path), 4, axis=1))


def brighten(tree: Path) -> None:
    """One blurry half brighter than its sharp half."""
    for path in tree.glob("train/*/blur*/000049.png"):
        write_png(path, np.clip(read_image(path) * 1.15, 0, 255).astype(np.uint8))


def swap(tree: Path) -> None:
    """The halves of one pair exchanged."""
    for path in tree.glob("train/*/blur*/000049.png"):
        sharp = path.parents[1] / "sharp" / path.name
        blurry = read_image(path)
        write_png(path, read_image(sharp))
        if path.parent.name == "blur":
            write_png(sharp, blurry)


def cut(tree: Path) -> None:
    """A broken download."""
    path = tree / "test/GOPR0384_11_00/sharp/000004.png"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def deepen(tree: Path) -> None:
    """One pair with 16 bits."""
    for path in tree.glob("train/*/*/000050.png"):
        write_png(path, read_image(path) * np.uint16(257))


FAULTS: dict[str, Callable[[Path], None]] = {
    "files": lose_half,
    "gap": lose_frame,
    "copy": double,
    "leak": leak,
    "near-leak": near_leak,
    "scene-leak": share_scene,
    "misaligned": shift,
    "brightness": brighten,
    "swapped": swap,
    "unreadable": cut,
    "mixed": deepen,
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_planted_fault_is_named(kind: str, tree: Path) -> None:
    """Each fault is found by its name, the command exits 1 and the text says so too."""
    FAULTS[kind](tree)
    query = "?blurry=blur" if kind != "scene-leak" else "?variant=blur"
    text = f"{'pairs' if kind != 'scene-leak' else 'gopro'}:{tree}{query}"

    code, told = audit(text, "--partial")

    assert code == 1
    assert kind in kinds(told)


def test_the_text_is_for_people(tree: Path) -> None:
    """The text names what was asked and the fault with its pair; a sound set is told to be sound with the next command."""
    lose_frame(tree)

    result = CliRunner().invoke(build_app(), ["audit", f"pairs:{tree}?blurry=blur", "--workers", "1"])

    assert result.exit_code == 1
    for words in ("pairs       7", "test 4, train 3", "averaged    in code values", "GOPR0372_07_00/000048", "gap"):
        assert words in result.stdout
    assert "blurdata report" in result.stderr


def test_more_workers_give_the_same_answer(sound: Path) -> None:
    """Two processes find what one finds."""
    text = f"pairs:{sound}?blurry=blur"

    one, two = audit(text), CliRunner().invoke(build_app(), ["audit", text, "--json", "--workers", "2"])

    assert json.loads(two.stdout) == one[1]


class Refused(PairList):
    """Pairs of which the second is refused by a library under the loader, not by the loader."""

    def __getitem__(self, index: int) -> Pair:
        if index == 1:
            raise ValueError("the library says no")
        return super().__getitem__(index)


def test_a_pair_that_a_library_refuses_is_a_finding_and_gaps_have_the_width_of_their_run() -> None:
    """One pair never ends an audit, whatever it raises; a missing number is named as its neighbours are."""
    pictures = [to_codes(cropped(scene(seed))) for seed in range(4)]
    keys = ["run/cover", "run/00001", "run/00002", "run/00004"]

    found = audit_source(Refused([Pair(key, picture, picture) for key, picture in zip(keys, pictures, strict=True)]))

    faults = {fault.kind: fault for fault in found.faults}
    assert faults["unreadable"].keys == ("run/00001",)
    assert faults["gap"].keys == ("run/00003",)
    assert faults["gap"].sentence == "run leaves out 1 frame number."


def test_info_says_what_a_source_holds(sound: Path) -> None:
    """Counts, size, bytes from headers, recipe id and the meta of a pair, for people and for programs."""
    text = f"gopro:{sound}?variant=blur&split=train"

    plain = CliRunner().invoke(build_app(), ["info", text])
    told = json.loads(CliRunner().invoke(build_app(), ["info", text, "--json"]).stdout)

    assert plain.exit_code == 0
    assert "176x144" in plain.stdout
    assert (told["pairs"], told["published_train"], told["raw_bytes"]) == (4, 2103, 4 * 2 * 144 * 176 * 3)
    assert told["first_meta"]["variant"] == "blur"


def test_a_linear_set_is_told_in_its_own_words(sound: Path) -> None:
    """The mean of linear codes is a mean of light, and no likeness to GoPro's `blur` is told."""
    pairs = [Pair(pair.key, pair.blurry, pair.sharp, {"curve": "linear"}) for pair in open_source(f"pairs:{sound}?blurry=blur")]
    gamma = [Pair(pair.key, pair.blurry, pair.sharp, {"curve": "linear"}) for pair in open_source(f"pairs:{sound}?blurry=blur_gamma")]

    told, wrong = audit_source(PairList(pairs)), audit_source(PairList(gamma))

    assert "averaged    in light, which linear codes are" in as_text(told)
    assert [fault.sentence[:42] for fault in wrong.faults if fault.kind == "variant"] == ["The set is opened as linear, but its pictu"]
    assert "GoPro 'blur'" not in as_text(wrong)
