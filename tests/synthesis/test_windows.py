"""Which frames make which exposure, and what is left out."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage
from typer.testing import CliRunner

from blurdata.cli import build_app
from blurdata.errors import RecipeError, SourceError
from blurdata.files import write_png
from blurdata.synthesis import synthesize
from blurdata.synthesis.analysis import analyze
from blurdata.synthesis.frames import ArrayFilm
from blurdata.synthesis.make import open_films, resolve
from blurdata.synthesis.source import FilmPairs


def _scene(seed: int, size: tuple[int, int] = (72, 96)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (size[0] // 6, size[1] // 6, 3))
    return np.kron(coarse, np.ones((6, 6, 1))).astype(np.uint8)


def _pan(seed: int, count: int, speed: int = 2) -> list[np.ndarray]:
    scene = _scene(seed)
    return [np.roll(scene, speed * i, axis=1) for i in range(count)]


def _standing_under_grain(seed: int = 6) -> list[np.ndarray]:
    """A pan that stands still for 18 of 60 frames, under grain of 2 codes."""
    rng = np.random.default_rng(seed)
    moving = _pan(seed, 42)
    frames = moving[:20] + [moving[19]] * 18 + moving[20:]
    return [np.clip(frame + rng.normal(0, 2, frame.shape), 0, 255).astype(np.uint8) for frame in frames]


def test_pairs_of_a_film_that_stands_still_under_grain_are_counted() -> None:
    """Grain hides that frames repeat; the pairs without blur that follow are counted, and the recipe can leave them out."""
    pairs = synthesize(_standing_under_grain(), {"window": 5})
    left_out = synthesize(_standing_under_grain(), {"window": 5, "min_blur_px": 1})

    still = [pair.key for pair in pairs if pair.meta["blur_px_p95"] < 0.5]
    assert pairs.summary()["static_frames"] == 0
    assert pairs.summary()["pairs_without_blur"] == len(still) == 3
    assert left_out.summary()["pairs_without_blur"] == 0
    assert left_out.summary()["windows_under_min_blur"] == 3


def test_synthesize_tells_pairs_without_blur_once(tmp_path: Path) -> None:
    """The command says at its end how many there are, and how to leave them out; where there are none it says nothing."""
    for name, frames in (("still", _standing_under_grain()), ("moving", _pan(6, 12))):
        for number, frame in enumerate(frames):
            write_png(tmp_path / name / f"{number:03d}.png", frame)

    said = {}
    for name in ("still", "moving"):
        words = ["synthesize", str(tmp_path / name), "--window", "5", "--variant", "blur", "--out", str(tmp_path / "out" / name)]
        said[name] = CliRunner().invoke(build_app(), words).stderr

    assert said["still"].count("less than 0.5 px of blur in 3 of 12 pairs") == 1
    assert "min_blur_px" in said["still"]
    assert "px of blur" not in said["moving"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_file_of_several_pages_is_no_frame(tmp_path: Path, dtype: type) -> None:
    """A multi-page TIFF among the frames is one sentence: all but its first page would be lost silently."""
    depth = np.iinfo(dtype).max // 255
    for number, frame in enumerate(_pan(1, 6)):
        cv2.imwrite(str(tmp_path / f"{number}.tif"), frame.astype(dtype) * depth)
    assert len(synthesize(tmp_path, {"window": 3})) == 2
    cv2.imwritemulti(str(tmp_path / "4.tif"), [frame.astype(dtype) * depth for frame in _pan(2, 3)])

    with pytest.raises(SourceError, match=r"4\.tif: holds 3 pages"):
        synthesize(tmp_path, {"window": 3})


@pytest.mark.parametrize(("kind", "told"), [("grey", "is grey, but 000.png is in colour"), ("rgba", "is in colour with transparency")])
def test_frames_of_other_channels_are_not_blended_in(tmp_path: Path, kind: str, told: str) -> None:
    """One grey frame, or one with transparency, among RGB frames is named; a folder of nothing but such is one film."""
    frames = _pan(1, 6)
    odd = [frame[..., 0] if kind == "grey" else np.dstack([frame, np.full(frame.shape[:2], 255, np.uint8)]) for frame in frames]
    for number, frame in enumerate(frames):
        write_png(tmp_path / "mixed" / f"{number:03d}.png", frame)
        write_png(tmp_path / "alike" / f"{number:03d}.png", odd[number])
    write_png(tmp_path / "mixed" / "004.png", odd[4])

    with pytest.raises(SourceError, match=rf"004\.png: {told}"):
        synthesize(tmp_path / "mixed", {"window": 3})

    assert len(synthesize(tmp_path / "alike", {"window": 3})) == 2


def test_a_preview_in_a_tiff_is_no_page(tmp_path: Path) -> None:
    """Cameras keep a small copy as a second page, marked as such."""
    for number, frame in enumerate(_pan(1, 6)):
        full, preview = PillowImage.fromarray(frame), PillowImage.fromarray(frame[::4, ::4])
        preview.encoderinfo = {"tiffinfo": {254: 1}}
        full.save(tmp_path / f"{number}.tif", save_all=True, append_images=[preview])

    assert len(synthesize(tmp_path, {"window": 3})) == 2


def test_no_exposure_crosses_a_cut() -> None:
    """Cuts are found where they are, and each shot has its own number."""
    frames = _pan(1, 10) + _pan(2, 13) + _pan(3, 9)

    pairs = synthesize(frames, {"window": 3})

    assert pairs.summary()["cuts"] == 2
    assert [len(indices) for indices in pairs.shots.values()] == [3, 4, 3]
    for pair in pairs:
        first, last = pair.meta["frames"][0], pair.meta["frames"][-1]
        assert all(not first < cut <= last for cut in (10, 23))


def test_fast_pans_and_noise_are_no_cuts() -> None:
    """A fast pan, and a film in which every frame is new, have no cut."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(12)]

    assert synthesize(_pan(4, 12, speed=9), {"window": 3}).summary()["cuts"] == 0
    assert synthesize(noise, {"window": 3}).summary()["cuts"] == 0


def test_repeated_frames_are_dropped_and_counted() -> None:
    """A frame that came twice is used once, and the numbers of the frames say so."""
    frames = _pan(5, 9)
    frames.insert(4, frames[3].copy())

    pairs = synthesize(frames, {"window": 3})

    assert pairs.summary()["repeated_frames"] == 1
    assert [pair.meta["frames"] for pair in pairs] == [[0, 1, 2], [3, 5, 6], [7, 8, 9]]


def test_static_stretches_are_left_out_and_counted() -> None:
    """Where nothing moves for long, nothing is made."""
    frames = _pan(6, 6)
    frames += [frames[-1].copy()] * 10 + [np.roll(frames[-1], 2 * i, axis=1) for i in range(1, 7)]

    pairs = synthesize(frames, {"window": 3})

    assert pairs.summary()["static_frames"] >= 10
    assert all(not 5 < frame < 15 for pair in pairs for frame in pair.meta["frames"])


def test_a_small_moving_light_is_not_static() -> None:
    """A light of 3 px on black is motion."""
    frames = [np.zeros((96, 128, 3), np.uint8) for _ in range(9)]
    for i, frame in enumerate(frames):
        frame[40:43, 20 + 4 * i : 23 + 4 * i] = 255

    pair = synthesize(frames, {"window": 9, "variant": "blur"})[0]

    assert (pair.blurry[41, 20:55] > 0).sum() == 3 * 9 * 3


def test_labels_say_how_the_pair_was_made() -> None:
    """M samples span M - 1 intervals; the blur's length is the path's."""
    pairs = synthesize(_pan(7, 11), {"window": 11, "capture_fps": 240, "source_exposure_s": 0.001, "variant": "blur_gamma"})

    meta = pairs[0].meta

    assert meta["exposure_s"] == pytest.approx(10 / 240)
    assert (meta["samples"], meta["window"], meta["curve"], meta["variant"]) == (11, 11, "gamma22", "blur_gamma")
    assert meta["source_exposure_s"] == 0.001
    assert meta["blur_px_mean"] == pytest.approx(20, rel=0.15)


def test_windows_over_the_limit_are_refused_and_counted() -> None:
    """`max_blur_px` and `min_blur_px` leave windows out and say how many."""
    frames = _pan(8, 9, speed=6) + _pan(9, 9, speed=1)

    pairs = synthesize(frames, {"window": 3, "max_blur_px": 8.0, "min_blur_px": 1.0})

    assert pairs.summary()["windows_over_max_blur"] == 3
    assert len(pairs) == 3


@pytest.mark.parametrize(
    ("fields", "starts"),
    [
        ({"window": 5}, [0, 5, 10]),
        ({"window": 5, "step": 3}, [0, 3, 6, 9, 12]),
        ({"window": 5, "duty": 0.5}, [0, 8]),
        ({"window": 5, "duty": 0.8}, [0, 5, 10]),
    ],
)
def test_step_and_duty_place_the_windows(fields: dict, starts: list[int]) -> None:
    """The next exposure begins a step later; duty is (window - 1) / step."""
    pairs = synthesize(_pan(10, 17), fields)

    assert [pair.meta["frames"][0] for pair in pairs] == starts


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"window": 4}, "odd"),
        ({"window": 5, "step": 5, "duty": 0.2}, "duty"),
        ({"windw": 5}, "did you mean 'window'"),
        ({"curve": "sony_a7r3"}, "forward-only"),
        ({"interpolation": "torchscript"}, "interpolator"),
        ({"virtual_frames": 5, "max_virtual_frames": 2, "interpolation": "dis"}, "virtual_frames is 5"),
        ({"virtual_frames": 8}, "nothing makes them; add `interpolation: dis`"),
        ({"capture_fps": 1e-320}, "capture_fps"),
        ({"window": [5, 7], "window_weights": [1e308, 1e308]}, "huge"),
        ({"interpolation": "callable"}, "function"),
    ],
)
def test_wrong_recipes_are_one_sentence(fields: dict, word: str) -> None:
    """A wrong field is named."""
    with pytest.raises(RecipeError, match=word):
        synthesize(_pan(1, 5), fields)


def test_a_wrong_curve_is_blamed_on_its_file(tmp_path: Path) -> None:
    """The recipe's file is named; a limit that nobody set goes with any number."""
    (tmp_path / "mine.yaml").write_text("curve: gama22\n")

    with pytest.raises(RecipeError, match=r"mine\.yaml: field 'curve': There is no curve 'gama22'"):
        resolve(tmp_path / "mine.yaml")
    assert resolve(resolve({"virtual_frames": 100, "interpolation": "dis"})).virtual_frames == 100
    assert resolve("reds", interpolation="none").virtual_frames == 16  # left as it is, for whoever goes without for once


def test_a_recipe_that_needs_a_function_is_refused_at_every_door() -> None:
    """The command line and ``video:`` have no function to give, and optical flow must not stand in for it under its name."""
    with pytest.raises(RecipeError, match="function"):
        FilmPairs([ArrayFilm(_pan(1, 9))], resolve({"interpolation": "callable", "window": 3}))


def test_a_clip_shorter_than_one_exposure_is_an_error() -> None:
    """The sentence says how many frames there are and how many are needed."""
    with pytest.raises(SourceError, match="5 frames are fewer than one exposure of 11"):
        synthesize(_pan(1, 5), {"window": 11})
    with pytest.raises(SourceError, match="1 frame is fewer"):
        synthesize(_pan(1, 1), {"window": 11})


def test_a_film_that_is_given_twice_is_made_once(tmp_path: Path) -> None:
    """Whatever it is called: as itself, by a link, or as part of a folder that is given too."""
    for name in ("fx/a", "fx/b"):
        for number, frame in enumerate(_pan(len(name), 4)):
            write_png(tmp_path / name / f"{number}.png", frame)
    (tmp_path / "link").symlink_to(tmp_path / "fx" / "a")
    paths = [tmp_path / "fx" / "a", tmp_path / "fx" / "a" / ".." / "a", tmp_path / "link", tmp_path / "fx"]

    assert open_films(paths, resolve({"window": 3})).keys == ["a_03_00/000001", "b_03_00/000001"]


def test_drawn_windows_follow_seed_and_name() -> None:
    """A list of windows draws one for each shot, the same every time."""
    frames = [frame for seed in range(6) for frame in _pan(seed, 14)]

    first = [pair.meta["window"] for pair in synthesize(frames, {"window": [3, 5, 7], "seed": 1})]
    again = [pair.meta["window"] for pair in synthesize(frames, {"window": [3, 5, 7], "seed": 1})]
    other = [pair.meta["window"] for pair in synthesize(frames, {"window": [3, 5, 7], "seed": 2})]

    assert first == again != other


def _copied(folder: Path) -> Path:
    copy = folder / "again" / "GOPR0372_07_00"
    for number, frame in enumerate(_pan(3, 14)):
        write_png(copy / f"{number:06d}.png", frame)
    return copy


def test_sequences_of_the_published_frames_get_the_window_of_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the recipe knows it; other names, and other numbers, are drawn."""
    for name in ("GOPR0372_07_00", "GOPR0384_11_03", "GOPR0378_13_00"):
        for number, frame in enumerate(_pan(len(name), 14)):
            write_png(tmp_path / "train" / name / f"{number:06d}.png", frame)

    pairs = open_films([tmp_path], resolve("gopro"))
    others = open_films([tmp_path], resolve("gopro", window=[3, 5], window_weights=[0, 1]))

    assert {pair.meta["source"]: pair.meta["window"] for pair in pairs} == {
        "GOPR0372_07_00": 7,
        "GOPR0384_11_03": 11,
        "GOPR0378_13_00": 13,
    }
    assert {pair.meta["window"] for pair in others} == {5}
    twice = open_films([tmp_path / "train" / "GOPR0372_07_00", _copied(tmp_path)], resolve("gopro"))
    assert [pair.meta["window"] for pair in twice] == [7] * 4
    monkeypatch.chdir(tmp_path / "train" / "GOPR0372_07_00")
    assert open_films([Path()], resolve("gopro"))[0].key.startswith("GOPR0372_07_00_07_00/")


def test_select_keeps_whole_shots() -> None:
    """A selection has the same pairs under the same keys."""
    pairs = synthesize(_pan(1, 9) + _pan(2, 9) + _pan(3, 9), {"window": 3})

    some = pairs.select([0, 2])

    assert some.keys == [key for key, pair in zip(pairs.keys, pairs, strict=True) if pair.meta["shot"] != 1]
    with pytest.raises(SourceError, match="no shot 7"):
        pairs.select([7])


def test_a_flash_is_no_cut_but_a_change_of_scene_is() -> None:
    """One frame in another light than its like neighbours does not end a shot; one that stands between two scenes does."""
    rng = np.random.default_rng(7)
    scenes = [np.kron(rng.integers(0, 160, (12, 16, 3)), np.ones((10, 10, 1))).astype(np.uint8) for _ in range(2)]
    frames = [np.roll(scenes[i // 20], i, axis=1) for i in range(40)]
    frames[8] = frames[8] + np.uint8(90)

    assert analyze(ArrayFilm(frames)).cuts == [20]


@pytest.mark.parametrize("what", ["another scene", "black", "white"])
def test_a_foreign_frame_is_a_shot_of_its_own(what: str) -> None:
    """One frame of something else, which no light makes of its neighbours, is blended into nothing."""
    rng = np.random.default_rng(9)
    scene, other = (np.kron(rng.integers(0, 200, (12, 16, 3)), np.ones((10, 10, 1))).astype(np.uint8) for _ in range(2))
    frames = [np.roll(scene, i, axis=1) for i in range(30)]
    frames[11] = {"another scene": other, "black": np.zeros_like(scene), "white": np.full_like(scene, 255)}[what]

    pairs = synthesize(frames, {"window": 5})

    assert pairs.summary()["cuts"] == 2
    assert all(11 not in pair.meta["frames"] for pair in pairs)


def test_cuts_are_found_at_night() -> None:
    """Scenes that reach 25 codes differ by few; grain alone, of hardly any light, has no cut."""
    rng = np.random.default_rng(8)
    scenes = [np.kron(rng.integers(0, 25, (12, 16, 3)), np.ones((10, 10, 1))) for _ in range(2)]
    night = [np.roll(scenes[i // 20], i, axis=1) + rng.normal(0.5, 1, (120, 160, 3)) for i in range(40)]
    grain = [rng.normal(2, 2, (120, 160, 3)) for _ in range(40)]

    cuts = [analyze(ArrayFilm([np.clip(frame, 0, 255).astype(np.uint8) for frame in frames])).cuts for frames in (night, grain)]

    assert cuts == [[20], []]


@pytest.mark.parametrize("level", [1.0, 0.1])
def test_what_light_does_is_no_cut(level: float) -> None:
    """Fades, a lamp, a light that is switched on, flashes of several frames and flicker, by day and by night."""
    rng = np.random.default_rng(9)
    scene = cv2.GaussianBlur(np.kron(rng.integers(0, 256, (24, 60, 3)), np.ones((10, 10, 1))).astype(np.uint8), (0, 0), 1.5)
    pan = [level * scene[:, 2 * i : 2 * i + 320].astype(float) for i in range(60)]
    lamp = [frame.copy() for frame in pan]
    for frame in lamp[30:]:
        cv2.circle(frame, (80, 70), 22, (255, 255, 255), -1)
    films = {
        "fade": [frame * np.clip(1 - (i - 20) / 25, 0, 1) for i, frame in enumerate(pan)],
        "lamp": lamp,
        "switch": [frame * (0.25 if i < 30 else 1) for i, frame in enumerate(pan)],
        "flash": [0.4 * frame + 0.35 * level * 255 * (30 <= i < 33) for i, frame in enumerate(pan)],
        "flicker": [frame * (1 + rng.normal(0, 0.1)) for frame in pan],
    }
    for name, frames in films.items():
        codes = [np.clip(frame + rng.normal(0.5, 0.7, frame.shape), 0, 255).astype(np.uint8) for frame in frames]
        for order in (codes, codes[::-1]):
            assert analyze(ArrayFilm(order)).cuts == [], name


def test_fields_that_do_not_go_together_are_one_sentence() -> None:
    """The message gives the reason, not the whole recipe."""
    with pytest.raises(RecipeError) as told:
        resolve({"window": 5, "step": 5, "duty": 0.2})

    assert str(told.value) == "recipe: window 5 every 5 frames is a duty of 0.8, not 0.2; change or leave out one of them."


@pytest.mark.parametrize("window", [4, 1, -3, 4099, [7, 8], []])
def test_a_window_without_a_centre_or_beyond_the_limit_names_both_limits(window: object) -> None:
    """An odd window that is too long is told the limit, not that it should be odd."""
    with pytest.raises(RecipeError, match="odd, from 3 to 4097"):
        resolve({"window": window})
