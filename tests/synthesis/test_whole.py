"""A file that was cut off is told from its container's own lengths, and no good file is accused."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from filming import moving, write_film

from blurdata.errors import SourceError
from blurdata.synthesis import synthesize
from blurdata.synthesis.video import VideoFilm
from blurdata.synthesis.whole import missing_bytes

KINDS = {
    "mkv": ("matroska", "libx264"),
    "webm": ("webm", "libvpx"),
    "mp4": ("mp4", "libx264"),
    "mov": ("mov", "libx264"),
    "avi": ("avi", "mpeg4"),
}


def film(
    path: Path, *, frames: int = 60, options: dict[str, str] | None = None, uneven: bool = False, sound: int = 0, live: bool = False
) -> Path:
    """A film of drifting noise, perhaps with uneven times, ``sound`` frames of a short sound track, or written to a pipe."""
    kind, codec = KINDS[path.suffix[1:]]
    scene = np.random.default_rng(1).integers(0, 256, (64, 256, 3), dtype=np.uint8)
    target = _Pipe() if live else str(path)
    with av.open(target, "w", format=kind, options=options or {}) as container:
        stream = container.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000) if uneven else Fraction(1, 30)
        track = container.add_stream("libopus" if kind == "webm" else "ac3", rate=48000) if sound else None
        for i in range(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(scene[:, i : i + 96]), format="rgb24")
            if uneven:
                frame.pts, frame.time_base = i * 33 + (i % 3) * 9, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        if track is not None:
            for _ in range(sound):
                quiet = av.AudioFrame.from_ndarray(np.zeros((2, 960), np.float32), format="fltp", layout="stereo")
                quiet.sample_rate = 48000
                container.mux(track.encode(quiet))
            container.mux(track.encode())
        container.mux(stream.encode())
    if live:
        path.write_bytes(target.getvalue())
    return path


class _Pipe(io.BytesIO):
    """Where nothing can be mended later, as when streaming."""

    def seekable(self) -> bool:
        return False


for _name in ("seek", "tell"):  # PyAV looks for the methods
    setattr(_Pipe, _name, None)


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("lost", [1, 700])
def test_a_cut_file_is_told(tmp_path: Path, suffix: str, lost: int) -> None:
    """Whatever the container, a file without its last bytes is refused with a sentence that says so."""
    options = {"movflags": "faststart"} if suffix in ("mp4", "mov") else {}
    path = film(tmp_path / f"film.{suffix}", options=options)
    assert missing_bytes(path) == 0
    path.write_bytes(path.read_bytes()[:-lost])

    assert missing_bytes(path) == lost
    with pytest.raises(SourceError, match="is cut off"):
        synthesize(path, {"window": 3})


@pytest.mark.parametrize(
    ("suffix", "how"),
    [
        ("mkv", {"uneven": True}),
        ("mkv", {"sound": 9}),
        ("webm", {"sound": 9}),
        ("mkv", {"live": True}),
        ("webm", {"live": True}),
        ("mkv", {"options": {"live": "1"}}),
        ("mkv", {"options": {"cues_to_front": "1", "reserve_index_space": "2000"}}),
        ("mp4", {"uneven": True}),
        ("mp4", {}),
        ("mp4", {"options": {"movflags": "frag_keyframe+empty_moov"}}),
    ],
    ids=str,
)
def test_good_files_are_not_accused(tmp_path: Path, suffix: str, how: dict) -> None:
    """Uneven frame times, a short sound track, live recordings without lengths, fragments: all are whole."""
    path = film(tmp_path / f"film.{suffix}", **how)

    assert missing_bytes(path) == 0
    assert len(synthesize(path, {"window": 3})) > 5


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt"),
    [("gif", "gif", "rgb8"), ("mjpeg", "mjpeg", "yuvj420p"), ("ts", "libx264", "yuv420p"), ("m2ts", "libx264", "yuv420p")]
    + [
        ("y4m", "wrapped_avframe", pix_fmt)
        for pix_fmt in ("yuv420p", "yuv411p", "yuv422p", "yuv444p10le", "yuv420p12le", "gray", "gray16le")
    ],
)
@pytest.mark.parametrize("lost", [1, 60])
def test_a_file_without_lengths_is_told_by_its_last_part(tmp_path: Path, suffix: str, codec: str, pix_fmt: str, lost: int) -> None:
    """Parts of one size, or a trailer, say that the last one is not whole; odd sizes and deep colours are reckoned with."""
    path = tmp_path / f"film.{suffix}"
    options = {"m2ts": {"mpegts_m2ts_mode": "1"}, "y4m": {"strict": "-1"}}.get(suffix, {})
    size = (48, 64) if codec == "libx264" else (37, 51)
    write_film(path, moving(9, size), codec=codec, pix_fmt=pix_fmt, container_options=options)
    assert missing_bytes(path) == 0
    assert len(synthesize(path, {"window": 3})) == 3
    path.write_bytes(path.read_bytes()[:-lost])

    assert 0 < missing_bytes(path) <= lost
    with pytest.raises(SourceError, match=r"is cut off: .* missing at its end; fetch or export it again"):
        synthesize(path, {"window": 3})


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize(("start", "shown"), [(0, 30), (0, 54), (25, 30), (25, 20)])
def test_a_trimmed_film_is_whole(tmp_path: Path, suffix: str, start: int, shown: int) -> None:
    """What an edit list hides, as editors of phones do, is not missing; once its last bytes are gone the same film is refused."""
    path = film(tmp_path / f"film.{suffix}", options={"movflags": "faststart"})
    whole = [frame.grey for frame in VideoFilm(path).scan()]
    _trim(path, start, shown)

    trimmed = VideoFilm(path)
    seen = [frame.grey for frame in trimmed.scan()]

    assert trimmed.length == len(seen) == shown
    assert all(np.array_equal(one, other) for one, other in zip(seen, whole[start:], strict=False))
    assert len(synthesize(path, {"window": 3})) == shown // 3
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SourceError, match="is cut off"):
        VideoFilm(path)


def _trim(path: Path, start: int, shown: int) -> None:
    """Write into an MP4's edit list that ``shown`` frames from ``start`` on are to be seen."""
    data = path.read_bytes()
    header, edits = data.index(b"mdhd") + 4, data.index(b"elst") + 4
    second = int.from_bytes(data[header + 12 : header + 16], "big")
    length, first = (int.from_bytes(data[edits + 8 + at : edits + 12 + at], "big") for at in (0, 4))
    edit = (length * shown // 60).to_bytes(4, "big") + (first + start * second // 30).to_bytes(4, "big")
    path.write_bytes(data[: edits + 8] + edit + data[edits + 16 :])


@pytest.mark.parametrize("suffix", ["mkv", "webm"])
def test_a_cut_live_recording_is_told_by_its_last_part(tmp_path: Path, suffix: str) -> None:
    """Where the whole has no length the part that is cut off has one."""
    path = film(tmp_path / f"film.{suffix}", live=True)
    path.write_bytes(path.read_bytes()[:-200])

    assert 0 < missing_bytes(path) <= 200


def test_elements_of_open_length_are_entered(tmp_path: Path) -> None:
    """Browsers record segments and clusters of open length; only their blocks have one."""
    header, segment, cluster = b"\x1a\x45\xdf\xa3\x80", b"\x18\x53\x80\x67\x01" + b"\xff" * 7, b"\x1f\x43\xb6\x75\x01" + b"\xff" * 7
    block = b"\xa3\x40\x64" + bytes(100)
    path = tmp_path / "browser.webm"

    path.write_bytes(header + segment + cluster + block * 3 + cluster + block)
    assert missing_bytes(path) == 0
    path.write_bytes(header + segment + cluster + block * 3 + cluster + block[:-30])
    assert missing_bytes(path) == 30


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x1a",
        b"\x1a\x45\xdf\xa3",
        b"\x1a\x45\xdf\xa3\x00\x00",
        b"\x00\x00\x00\x02mdat",
        b"RIFF\x04\x00\x00\x00AVI ",
        b"YUV4MPEG2 W6 HX\nFRAME\n",
    ],
)
def test_nonsense_is_no_claim(tmp_path: Path, data: bytes) -> None:
    """Files that say nothing sensible are left to the decoder."""
    (tmp_path / "odd").write_bytes(data)

    assert missing_bytes(tmp_path / "odd") == 0
