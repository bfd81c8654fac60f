"""How is a video read: any file that FFmpeg opens, through PyAV, upright, in full-range RGB of its own depth."""

import math
import multiprocessing
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from blurdata.errors import SourceError
from blurdata.files import fingerprint_files
from blurdata.interrupt import check
from blurdata.naming import counted
from blurdata.pairs import Image
from blurdata.synthesis.frames import Film, FrameIndex, Scan
from blurdata.synthesis.rgb import ToRgb, is_deep, range_of
from blurdata.synthesis.whole import avi_parts, missing_bytes

_HDR = {16: "pq", 18: "hlg"}  # transfers whose codes no curve of ours decodes
_WITHOUT_CLOCK = {"h261", "h263", "h264", "hevc", "vvc", "m4v", "mpegvideo", "mjpeg", "obu", "vc1", "cavsvideo", "dirac", "dnxhd"}
_MAX_SIDE = 16384
_SLANT_DEG = 2  # by which a matrix that was rounded misses a quarter turn


class VideoFilm(Film):
    """One video file.

    Args:
        path: The file.
        color_matrix: ``auto`` believes the tag; ``bt601``, ``bt709``, ``bt2020`` overrule it.

    Raises:
        SourceError: If FFmpeg cannot open it or finds no pictures in it.
    """

    def __init__(self, path: Path, *, color_matrix: str = "auto") -> None:
        self.name, self.place = path.stem, str(path)
        self._path, self._matrix = path, color_matrix
        self._orientations: dict[int, tuple[int, bool]] = {}
        with self._open() as (container, stream):
            self._promised_s = _promised_s(container, stream)
            self.fps = _fps(container, stream)
            self.rate_unknown = self.fps is None
            self._timed = not (self.rate_unknown and _without_clock(container))
            self._promised = _promised(container, stream)
            self.length = self._promised or None
            self._notes: dict[str, str | int | float] = {
                "codec": stream.codec_context.name,
                "pixel_format": str(stream.codec_context.pix_fmt),
            }
            self._aspect = stream.sample_aspect_ratio or Fraction(1)
            width, height = stream.codec_context.width, stream.codec_context.height
            if max(width, height) > _MAX_SIDE:
                msg = f"{path}: frames of {width}x{height} are over {_MAX_SIDE} px a side; scale it down first."
                raise SourceError(msg)
        if missing := missing_bytes(path):
            msg = f"{path}: is cut off: {counted(missing, 'byte')} or more are missing at its end; fetch or export it again."
            raise SourceError(msg)

    @cached_property
    def notes(self) -> dict[str, str | int | float]:
        """Codec and pixel format; the colour matrix and range that the frames are converted with; how they are put upright.

        ``rotation_deg`` is how far they are turned to the left, ``mirrored`` whether they are mirrored left to right after that, both
        as the file's display matrix asks for. ``sample_aspect_ratio`` is how many times as wide as high a pixel of the upright frame is to
        be shown, where that is not 1: frames are read as they are stored.
        """
        with self._open() as (container, stream), closing(self._decode(container, stream)) as frames:
            frame = next(frames, None)
        if frame is None:
            raise self._without_frames()
        turns, mirrored = self._orientation(frame)
        aspect = 1 / self._aspect if turns % 2 else self._aspect
        return {
            **self._notes,
            "color_matrix": self._to_rgb().matrix_of(frame),
            "color_range": range_of(frame),
            **({"transfer": hdr} if (hdr := _HDR.get(int(getattr(frame, "color_trc", 0) or 0))) else {}),
            **({"sample_aspect_ratio": round(float(aspect), 6)} if aspect != 1 else {}),
            "rotation_deg": turns * 90,
            "mirrored": mirrored,
        }

    @contextmanager
    def _open(self) -> Iterator[tuple[Any, Any]]:
        try:
            container = av.open(str(self._path))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            msg = f"{self._path}: is no video that FFmpeg can read ({reason}); check the file, or export it again."
            raise SourceError(msg) from error
        with container:
            if not container.streams.video:
                msg = f"{self._path}: holds no pictures, only {', '.join(s.type for s in container.streams) or 'nothing'}; give a video."
                raise SourceError(msg)
            stream = container.streams.best("video") or container.streams.video[0]  # not the picture of a cover
            if stream.codec_context is None:
                msg = f"{self._path}: its pictures are coded in a way that FFmpeg cannot decode here; convert it to H.264 first."
                raise SourceError(msg)
            # a worker shares the machine with its like: threads would only cost it memory and a tenth of its time
            stream.thread_type = "AUTO" if multiprocessing.parent_process() is None else "NONE"
            yield container, stream
        check()

    def scan(self) -> Iterator[Scan]:
        """Every frame's brightness; an end before the file's own count is an error, as is a damaged file or frame, and interlaced film."""
        count, interlaced = 0, 0
        shown_s, longest_s = 0.0, 0.0
        reformatter = VideoReformatter()
        with self._open() as (container, stream):
            for frame in self._decode(container, stream):
                if count == 0 and self._to_rgb().matrix_of(frame) == "unknown":
                    number = int(frame.colorspace)
                    msg = f"{self._path}: colour matrix {number} of FFmpeg's list is not known here; convert the film to BT.709 first."
                    raise SourceError(msg)
                if frame.is_corrupt:  # decoded all the same, with what is missing made up
                    at = "" if frame.time is None else f", at {frame.time:.3f} s,"
                    msg = f"{self._path}: frame {count}{at} is damaged; fetch or export it again."
                    raise SourceError(msg)
                time_s = frame.time if self._timed else None
                yield Scan(
                    self._upright(_grey(frame, reformatter), frame), time_s, frame.pts, bool(frame.key_frame), 16 if is_deep(frame) else 8
                )
                count += 1
                interlaced += bool(frame.interlaced_frame)
                if frame.time is not None:
                    held_s = float((frame.duration or 0) * frame.time_base)
                    shown_s, longest_s = frame.time, max(longest_s, held_s, frame.time - shown_s)
        if count == 0:
            raise self._without_frames()
        if 2 * interlaced > count:
            msg = (
                f"{self._path}: is interlaced, {interlaced} of {count} frames are woven of two moments; deinterlace it first "
                "(ffmpeg -vf bwdif), or if it only says so, mark it (ffmpeg -vf setfield=prog)."
            )
            raise SourceError(msg)
        if count < self._promised * 0.98 - 2 and not self._holds_no_more(count):
            msg = (
                f"{self._path}: is cut off: it promises {self._promised} frames and only {count} can be decoded; fetch or export it again."
            )
            raise SourceError(msg)
        if shown_s + 2 * longest_s < self._promised_s * 0.98:
            msg = (
                f"{self._path}: is damaged: it promises {self._promised_s:.3g} s and nothing can be decoded after {shown_s:.3g} s; "
                "fetch or export it again."
            )
            raise SourceError(msg)

    def _without_frames(self) -> SourceError:
        return SourceError(f"{self._path}: not one frame can be decoded; export it again.")

    def _holds_no_more(self, count: int) -> bool:
        """Whether ``count`` frames are all that an AVI holds, though its header counts more: each repeat of a frame, without data."""
        with self._open() as (_, stream):
            parts, filled = avi_parts(self._path, stream.index)
        return parts >= self._promised * 0.98 - 2 and count >= filled

    def read(self, start: int, stop: int, index: FrameIndex) -> Iterator[Image]:
        """Decode from an entry point at or before ``start``."""
        to_rgb, number = self._to_rgb(), 0
        for frame in self._entered(start, index):
            if index.pts.size:
                number = _number(frame.pts, index)
            if number >= stop:
                return
            if number >= start:
                yield np.ascontiguousarray(self._upright(to_rgb(frame), frame))
            number += 1

    def _entered(self, start: int, index: FrameIndex) -> Iterator[Any]:
        """Frames from the last key frame at or before ``start`` on.

        MPEG transport and program streams are entered by bytes and may be entered too late: then an earlier key frame is asked for, at
        last the film is decoded from its beginning.
        """
        keys = index.keys[1 : np.searchsorted(index.keys, start, side="right")] if index.pts.size else ()
        back = 1
        while back <= len(keys):
            key = int(keys[-back])
            with self._open() as (container, stream):
                container.seek(int(index.pts[key]), stream=stream, backward=True, any_frame=False)
                frames = self._decode(container, stream)
                first = next(frames, None)
                if first is not None and 0 <= _number(first.pts, index) <= key:
                    yield first
                    yield from frames
                    return
            back *= 2
        with self._open() as (container, stream):
            yield from self._decode(container, stream)

    def _decode(self, container: Any, stream: Any) -> Generator[Any, None, None]:
        try:
            for frame in container.decode(stream):
                check()  # FFmpeg's callbacks swallow what is raised in them
                yield frame
        except av.error.FFmpegError as error:
            msg = f"{self._path}: is damaged ({error.strerror}); fetch or export it again."
            raise SourceError(msg) from error

    def _orientation(self, frame: Any) -> tuple[int, bool]:
        """That of a frame, read once for each rotation: PyAV's side data keeps a frame in memory until the collector finds the circle."""
        rotation = int(frame.rotation)
        if rotation not in self._orientations:
            if abs((rotation + 45) % 90 - 45) > _SLANT_DEG:
                msg = f"{self._path}: asks to be turned by {rotation} degrees, and only quarter turns are made; turn it with FFmpeg first."
                raise SourceError(msg)
            self._orientations[rotation] = _orientation(frame)
        return self._orientations[rotation]

    def _upright(self, picture: Any, frame: Any) -> Any:
        turns, mirrored = self._orientation(frame)
        turned = np.rot90(picture, turns) if turns else picture
        return turned[:, ::-1] if mirrored else turned

    def _to_rgb(self) -> ToRgb:
        return ToRgb(self._matrix, str(self._notes["codec"]))

    def fingerprint(self) -> str:
        """Hash over the file."""
        return fingerprint_files([self._path], root=self._path.parent)


def _promised(container: Any, stream: Any) -> int:
    """How many pictures a file says it shows, 0 where it does not; an MP4 that was trimmed by an edit list still holds the others."""
    count = int(stream.frames or 0)
    if "mov" not in container.format.name.split(",") or not len(stream.index_entries):
        return count
    return min(count, sum(not entry.is_discard for entry in stream.index_entries))


def _promised_s(container: Any, stream: Any) -> float:
    """When the last picture ends, where a Matroska file says so twice (its pictures alone, and with its sound); else 0."""
    tag = str(stream.metadata.get("DURATION", "")).split(":")
    try:
        hours, minutes, seconds = (float(part) for part in tag)
    except ValueError:
        return 0.0
    return min(3600 * hours + 60 * minutes + seconds, (container.duration or 0) / 1e6)


def _without_clock(container: Any) -> bool:
    """Whether a format holds bare pictures: FFmpeg takes it for 25 frames a second, and may make up times to match."""
    return container.format.name in _WITHOUT_CLOCK or container.format.name.endswith("_pipe")


def _fps(container: Any, stream: Any) -> float | None:
    """Frames per second that a file states, without a clock at most in the headers of its pictures; None where it says nothing."""
    stated = stream.average_rate or stream.guessed_rate or stream.base_rate
    rate = stream.codec_context.framerate if _without_clock(container) else stated
    return float(rate) if rate else None


def _number(pts: int | None, index: FrameIndex) -> int:
    """The number of the frame with a time stamp, -1 for one that the analysis did not see."""
    if pts is None:
        return -1
    number = int(np.searchsorted(index.pts, pts))
    return number if number < index.pts.size and index.pts[number] == pts else -1


def _orientation(frame: Any) -> tuple[int, bool]:
    """Quarter turns to the left that put a frame upright, and whether it is to be mirrored left to right after them."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return 0, False
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()  # x' = a x + c y, y' = b x + d y
    mirrored = a * d < b * c
    return round(-math.atan2(b, -a if mirrored else a) / (math.pi / 2)) % 4, mirrored


def _grey(frame: Any, reformatter: VideoReformatter) -> Any:
    """Brightness of a frame, of its own depth."""
    deep = is_deep(frame)
    planar8 = frame.format.name.startswith(("yuv4", "yuvj4", "gray", "nv12", "nv21")) and frame.format.components[0].bits == 8
    source: Any = frame if planar8 else reformatter.reformat(frame, format="gray16le" if deep else "gray")
    return np.frombuffer(source.planes[0], np.dtype("<u2" if deep else "u1")).reshape(source.height, -1)[:, : frame.width]
