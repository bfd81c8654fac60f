"""Reading videos: entry, rotation, damage, memory."""

import gc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from filming import moving, write_film

from blurdata import interrupt
from blurdata.errors import SourceError
from blurdata.progress import progress
from blurdata.sources import open_source
from blurdata.synthesis import synthesize
from blurdata.synthesis.frames import FrameIndex
from blurdata.synthesis.video import VideoFilm


def test_frames_that_were_read_do_not_wait_in_memory_for_the_collector(tmp_path: Path) -> None:
    """PyAV's side data and its frame hold each other: over a hundred decoded frames, 200 MB of 1280x720, once lay about at a time."""
    write_film(tmp_path / "film.mkv", moving(40, (36, 52)))
    film = VideoFilm(tmp_path / "film.mkv")

    def decoded() -> int:
        return sum(issubclass(type(one), av.VideoFrame) for one in gc.get_objects())  # asking torch objects their class warns

    gc.collect()
    gc.disable()
    try:
        before = decoded()
        assert len(list(film.scan())) == len(list(film.read(0, 40, FrameIndex()))) == 40
        assert decoded() - before <= 4
    finally:
        gc.enable()


def test_lossless_video_and_array_give_the_same_pairs(tmp_path: Path) -> None:
    """What a lossless video holds is blended like the frames themselves, odd sizes included."""
    frames = moving(7, (37, 53))
    write_film(tmp_path / "odd.mkv", frames)

    from_video, from_array = synthesize(tmp_path / "odd.mkv", {"window": 3}), synthesize(frames, {"window": 3})

    assert len(from_video) == len(from_array) == 2
    for a, b in zip(from_video, from_array, strict=True):
        assert np.array_equal(a.blurry, b.blurry)
        assert np.array_equal(a.sharp, b.sharp)


@pytest.mark.parametrize(("name", "codec"), [("long.mp4", "libx264"), ("long.ts", "mpeg2video"), ("long.mpg", "mpeg2video")])
def test_a_pair_in_the_middle_is_that_of_the_run(tmp_path: Path, name: str, codec: str) -> None:
    """Entering a video with B-frames at a key frame gives the same bytes as reading from the start; streams are entered late."""
    write_film(tmp_path / name, moving(60), codec=codec, pix_fmt="yuv420p", options={"g": "12", "bf": "2"})
    pairs = synthesize(tmp_path / name, {"window": 5})

    run = list(pairs)

    assert len(run) == 12
    for index in (0, 3, 5, 8, 11):
        assert np.array_equal(pairs[index].blurry, run[index].blurry)
        assert np.array_equal(pairs[index].sharp, run[index].sharp)


def test_a_film_within_the_rim_of_the_sensor_is_one_sentence() -> None:
    """Frames of which the rim leaves nothing are told before anything is made."""
    fields = {"window": 3, "variant": "blur_gamma", "sensor": {"rim_px": 23}}

    with pytest.raises(SourceError, match=r"64x48, too small for a rim of 23 px"):
        synthesize(moving(6), fields)


def test_sixteen_bit_folders_and_natural_order(tmp_path: Path) -> None:
    """16-bit PNG frames stay 16-bit, and frame 10 comes after frame 9."""
    from blurdata.files import write_png

    frames = [frame.astype(np.uint16) * 257 for frame in moving(12)]
    for i, frame in enumerate(frames):
        write_png(tmp_path / "take" / f"f{i}.png", frame)

    pairs = synthesize(tmp_path / "take", {"window": 11, "variant": "blur"})

    assert pairs[0].blurry.dtype == np.uint16
    assert np.array_equal(pairs[0].sharp, frames[5])


def test_a_gopro_tree_is_a_source_of_all_its_sequences(tmp_path: Path) -> None:
    """`GOPRO_Large_all` has train and test with one folder a sequence."""
    from blurdata.files import write_png

    for split, name in (("train", "GOPR0001_11_00"), ("test", "GOPR0002_11_00")):
        for i, frame in enumerate(moving(6)):
            write_png(tmp_path / split / name / f"{i + 1:06d}.png", frame)

    pairs = synthesize(tmp_path, {"window": 3})

    assert [pair.meta["split"] for pair in pairs] == ["train", "train", "test", "test"]
    assert pairs.keys[0] == "train/GOPR0001_11_00_03_00/000001"


def _broken(tmp_path: Path) -> dict[str, Path]:
    text, empty, cut = tmp_path / "text.mp4", tmp_path / "empty.mp4", tmp_path / "cut.mp4"
    text.write_text("this is no film\n" * 100)
    empty.write_bytes(b"")
    whole = tmp_path / "whole.mp4"
    write_film(whole, moving(60, (128, 160)), codec="libx264", pix_fmt="yuv420p", container_options={"movflags": "faststart"})
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    (tmp_path / "nothing").mkdir()
    return {"text": text, "empty": empty, "cut": cut, "missing": tmp_path / "missing.mp4", "nothing": tmp_path / "nothing"}


@pytest.mark.parametrize("kind", ["text", "empty", "cut", "missing", "nothing"])
def test_bad_files_are_one_sentence(tmp_path: Path, kind: str) -> None:
    """What is no film, or only a part of one, is named, with what to do."""
    path = _broken(tmp_path)[kind]

    with pytest.raises(SourceError) as caught:
        synthesize(path, {"window": 3})

    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damage_that_hides_the_rest_of_a_film_is_told(tmp_path: Path) -> None:
    """FFmpeg takes overwritten Matroska clusters for the end without a word; the promised length tells that frames are gone."""
    scene = np.random.default_rng(3).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    path = tmp_path / "hole.mkv"
    write_film(path, [np.roll(scene, 2 * i, axis=1) for i in range(60)], codec="mpeg4", pix_fmt="yuv420p")
    assert synthesize(path, {"window": 5, "variant": "blur"}).summary()["frames"] == 60
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    data[half:] = bytes(byte ^ 0x5A for byte in data[half:])
    path.write_bytes(data)

    with pytest.raises(SourceError, match=r"hole\.mkv.*damaged"):
        synthesize(path, {"window": 5, "variant": "blur"})


@pytest.mark.parametrize("name", ["hole.mp4", "hole.mkv"])
def test_a_damaged_frame_is_told(tmp_path: Path, name: str) -> None:
    """Bytes overwritten in the middle of a film lose no frame, for FFmpeg makes up what it lacks; the first such frame is named."""
    rng, path = np.random.default_rng(0), tmp_path / name
    film = [np.clip(frame + rng.integers(-8, 9, frame.shape), 0, 255).astype(np.uint8) for frame in moving(60, (96, 128))]
    write_film(path, film, codec="mpeg4", pix_fmt="yuv420p")
    assert synthesize(path, {"window": 5}).summary()["frames"] == 60
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    data[half : half + 24] = rng.integers(0, 256, 24, dtype=np.uint8).tobytes()
    path.write_bytes(data)

    with pytest.raises(SourceError, match=rf"{name}: frame \d+, at \d\.\d{{3}} s, is damaged; fetch or export it again"):
        synthesize(path, {"window": 5})


def test_an_avi_that_counts_repeats_is_whole(tmp_path: Path) -> None:
    """AVI keeps uneven times by parts without data that its header counts as frames; one that lost its end is still told from it."""
    path, pts = tmp_path / "uneven.avi", [round(2.5 * i) for i in range(40)]
    write_film(path, moving(40), codec="mjpeg", pix_fmt="yuvj420p", pts=pts, tick=Fraction(1, 600))
    data = path.read_bytes()
    half = data.index(b"idx1") // 2
    (tmp_path / "holed.avi").write_bytes(data[:half] + bytes(len(data) - half))

    assert synthesize(path, {"window": 3}).summary()["frames"] == 40

    with pytest.raises(SourceError, match=r"holed\.avi: is "):
        synthesize(tmp_path / "holed.avi", {"window": 3})


def test_opened_by_text_in_any_process(tmp_path: Path) -> None:
    """`video:PATH?recipe=…&shots=…` opens the same pairs, and pickles."""
    import pickle

    write_film(tmp_path / "two.mkv", moving(12) + [255 - frame for frame in moving(12)])
    text = f"video:{tmp_path / 'two.mkv'}?recipe=gopro&variant=blur&window=3&cache={tmp_path / 'cache'}"

    pairs = open_source(text)
    second = pairs.select([1])
    again = open_source(second.text)

    assert again.keys == second.keys == pickle.loads(pickle.dumps(second)).keys
    assert 0 < len(second) < len(pairs)
    assert np.array_equal(again[0].blurry, second[0].blurry)
    assert again.fingerprint() == pairs.fingerprint()
    assert list((tmp_path / "cache").glob("*.npz"))


def _phone_film(folder: Path, frames: list[np.ndarray], matrix: tuple[float, float, float, float]) -> Path:
    """A film of which the container says how it is to be turned."""
    path = folder / "phone.mp4"
    write_film(path, frames, codec="libx264", pix_fmt="yuv444p", options={"qp": "1"})
    data = path.read_bytes()
    plain = b"".join(value.to_bytes(4, "big") for value in (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30))
    at = data.index(plain, data.index(b"tkhd"))
    a, b, c, d = (round(value * 65536) & 0xFFFFFFFF for value in matrix)
    turned = b"".join(value.to_bytes(4, "big") for value in (a, b, 0, c, d, 0, 0, 0, 1 << 30))
    path.write_bytes(data[:at] + turned + data[at + len(plain) :])
    return path


def test_a_film_that_stands_aslant_is_refused(tmp_path: Path) -> None:
    """A turn by 45 degrees is no quarter turn, which 89.5 degrees are."""
    turn = np.deg2rad([45, 89.5])
    slanted, nearly = ((np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)) for angle in turn)

    with pytest.raises(SourceError, match=r"phone\.mp4: asks to be turned by -?45 degrees, and only quarter turns are made"):
        synthesize(_phone_film(tmp_path, moving(6), slanted), {"window": 5})
    assert synthesize(_phone_film(tmp_path, moving(6), nearly), {"window": 5})[0].meta["rotation_deg"] == 270


@pytest.mark.parametrize(
    ("matrix", "turns", "mirrored"),
    [
        ((0, 1, -1, 0), -1, False),
        ((0, -1, 1, 0), 1, False),
        ((-1, 0, 0, -1), 2, False),
        ((-1, 0, 0, 1), 0, True),
        ((1, 0, 0, -1), 2, True),
        ((0, 1, 1, 0), -1, True),
    ],
)
def test_display_rotation_of_phones_is_honoured(tmp_path: Path, matrix: tuple[int, int, int, int], turns: int, mirrored: bool) -> None:
    """The display matrix turns the frames upright, (0, 1, -1, 0) a quarter clockwise, and mirrors a front camera's; meta says both."""
    frames = moving(6, (48, 80))
    path = _phone_film(tmp_path, frames, matrix)

    pair = synthesize(path, {"window": 5})[0]

    expected = np.rot90(frames[2], turns)[:, :: -1 if mirrored else 1]
    assert pair.sharp.shape == expected.shape
    assert np.abs(pair.sharp.astype(int) - expected).mean() < 6
    assert pair.meta["rotation_deg"] % 360 == 90 * turns % 360
    assert pair.meta["mirrored"] is mirrored


@pytest.mark.parametrize("field_first", ["tff", "bff"])
def test_an_interlaced_film_is_refused(tmp_path: Path, field_first: str) -> None:
    """Frames woven of two moments would be blended combed: one sentence says that they are to be deinterlaced first."""
    path, fields = tmp_path / "camcorder.ts", moving(24)
    woven = [np.where(np.arange(48)[:, None, None] % 2 == 0, *pair) for pair in zip(fields[::2], fields[1::2], strict=True)]
    options = {"x264-params": f"{field_first}=1", "flags": "+ildct+ilme"}
    write_film(path, woven, codec="libx264", pix_fmt="yuv420p", options=options)

    with pytest.raises(SourceError, match=r"camcorder\.ts: is interlaced, 12 of 12 frames .*deinterlace it first \(ffmpeg -vf bwdif\)"):
        synthesize(path, {"window": 3})


@pytest.mark.parametrize(("ratio", "noted"), [((4, 3), 1.333333), ((1, 1), None), (None, None)])
def test_pixels_that_are_not_square_are_noted(tmp_path: Path, ratio: tuple[int, int] | None, noted: float | None) -> None:
    """Frames are blended as they are stored, and meta says how wide their pixels are to be shown."""
    path = tmp_path / "anamorphic.mp4"
    write_film(path, moving(3), codec="libx264", pix_fmt="yuv420p", pixel_aspect=ratio and Fraction(*ratio))

    pair = synthesize(path, {"window": 3})[0]

    assert pair.sharp.shape == (48, 64, 3)
    assert pair.meta.get("sample_aspect_ratio") == noted


def test_a_cover_is_not_taken_for_the_film(tmp_path: Path) -> None:
    """Of several tracks of pictures the film is read, as FFmpeg itself would choose, wherever it stands."""
    with av.open(str(tmp_path / "covered.mkv"), "w") as container:
        cover, film = container.add_stream("mjpeg", rate=1), container.add_stream("ffv1", rate=30)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        film.width, film.height, film.pix_fmt = 64, 48, "bgr0"
        for stream, pictures in ((cover, [np.zeros((32, 32, 3), np.uint8)]), (film, moving(9))):
            for number, picture in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=stream.pix_fmt)
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode())

    pairs = synthesize(tmp_path / "covered.mkv", {"window": 3})

    assert (len(pairs), pairs[0].size) == (3, (48, 64))


def test_a_film_of_no_frame_is_a_sentence(tmp_path: Path) -> None:
    """A file with a video stream in which there is nothing."""
    path = tmp_path / "empty.avi"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=240)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        film.start_encoding()

    with pytest.raises(SourceError, match=r"empty\.avi: not one frame can be decoded"):
        synthesize(path, {"window": 7})


def test_a_codec_that_has_no_decoder_is_a_sentence(tmp_path: Path) -> None:
    """A container can name a way of coding that this FFmpeg does not know."""
    path = tmp_path / "odd.mkv"
    write_film(path, moving(4, (32, 48)))
    path.write_bytes(path.read_bytes().replace(b"V_FFV1", b"V_XXX1"))

    with pytest.raises(SourceError, match=r"odd\.mkv: its pictures are coded in a way that FFmpeg cannot decode"):
        synthesize(path, {"window": 3})


def test_a_ctrl_c_that_ffmpeg_swallowed_ends_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is raised in its callbacks is lost; the next frame, opening, or step of a progress display raises it again."""
    path = tmp_path / "film.mkv"
    write_film(path, moving(6))
    film = VideoFilm(path)
    frames, scans = film.read(0, 6, FrameIndex()), film.scan()
    next(frames), next(scans)
    with progress("read", 6) as advance:
        advance()
        monkeypatch.setattr(interrupt, "_asked", True)
        for go_on in (lambda: next(frames), lambda: next(scans), lambda: film.notes, lambda: VideoFilm(path), advance):
            with pytest.raises(interrupt.Stopped):
                go_on()
