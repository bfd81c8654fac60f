"""Which films lie at a path? A video is one; in a folder every video and every folder of frames is one, at any depth."""

from collections.abc import Sequence
from pathlib import Path

from blurdata.errors import SourceError
from blurdata.files import is_image, list_images, natural_key
from blurdata.naming import BLURRY_WORDS, SHARP_WORDS, first_image, some, walk_folders
from blurdata.synthesis.folder import INDEX
from blurdata.synthesis.frames import Film, FolderFilm

VIDEO_SUFFIXES = (
    ".mp4", ".mov", ".m4v", ".qt", ".3gp", ".3g2", ".f4v", ".mj2", ".insv",
    ".mkv", ".mk3d", ".webm", ".avi", ".divx", ".wmv", ".asf", ".flv", ".ogv", ".ogm", ".rm", ".rmvb",
    ".nut", ".ivf", ".mxf", ".gif", ".y4m", ".dv", ".wtv",
    ".mpg", ".mpeg", ".mpe", ".m1v", ".m2v", ".mpv", ".m2p", ".vob", ".mod", ".tod", ".ts", ".mts", ".m2t", ".m2ts", ".trp",
    ".h264", ".264", ".avc", ".h265", ".265", ".hevc", ".h266", ".266", ".vvc", ".obu", ".mjpeg", ".mjpg",
)  # fmt: skip
_BESIDE = (".txt", ".json", ".xml", ".csv", ".npy", ".npz", ".mat", ".pdf", ".thm", ".db")  # notes, tables, previews
_SPLITS = ("train", "val", "test")
_FEWEST = 3  # frames that any recipe makes an exposure of


def find_films(path: Path, *, color_matrix: str = "auto") -> tuple[list[Film], list[Path]]:
    """The films at a path, and what else lies there and was left out.

    One or two pictures in a folder are no film where there are others, nor are pairs that ``blurdata synthesize`` wrote among the films,
    nor files that are named as no video; text and the like is not worth telling. In a folder the films are in natural order and named by
    their path in it. Its folders ``train``, ``val`` and ``test`` are splits, as in ``GOPRO_Large_all``, and come first.

    Raises:
        SourceError: If there is nothing of the kind, or pairs where frames should be.
    """
    from blurdata.synthesis.video import VideoFilm

    if not path.exists():
        msg = f"{path}: there is no such file or folder; give a video or a folder of frames."
        raise SourceError(msg)
    if path.is_file():
        return [VideoFilm(path, color_matrix=color_matrix)], []
    if not path.is_dir():
        msg = f"{path}: is neither a file nor a folder; give a video or a folder of frames."
        raise SourceError(msg)
    folders = walk_folders(path)
    halves = _parents(folders, BLURRY_WORDS) & _parents(folders, SHARP_WORDS)
    pairs = [folder for folder in folders if folder in halves]
    ours = {folder for folder in folders if (folder / INDEX).is_file()}
    others = [folder for folder in folders if halves.isdisjoint((folder, *folder.parents))]
    pictures = {folder: found for folder in others if (found := list_images(folder))}
    files = [child for folder in others for child in folder.iterdir() if not child.name.startswith(".") and child.is_file()]
    videos = [file for file in files if file.suffix.lower() in VIDEO_SUFFIXES]
    unknown = sorted((file for file in files if _is_unknown(file)), key=natural_key)
    runs = [folder for folder, found in pictures.items() if len(found) >= _FEWEST]
    if not runs and not videos:
        runs = list(pictures)  # too short, which is told with their length
    places = sorted([*runs, *videos], key=lambda place: _order(place.relative_to(path)))
    if foreign := [folder for folder in pairs if not places or ours.isdisjoint(folder.parents)]:
        msg = (
            f"{foreign[0]}: holds finished pairs and no frames to blend (even the sharp halves lie a whole exposure apart); "
            "give the frames that they were made of, which for GOPRO_Large are those of GOPRO_Large_all."
        )
        raise SourceError(msg)
    if not places:
        but = f" but files of other kinds ({some([file.name for file in unknown], limit=3)})" if unknown else ""
        msg = f"{path}: holds no frames{but}; give a video, a folder of PNG, JPEG or TIFF frames, or a folder of such folders."
        raise SourceError(msg)
    films: list[Film] = []
    for place in places:
        film = FolderFilm(place) if place in pictures else VideoFilm(place, color_matrix=color_matrix)
        _name(film, place.relative_to(path).parent)
        films.append(film)
    lone = [picture for folder, found in pictures.items() if folder not in runs for picture in found]
    return films, lone + pairs + unknown


def _parents(folders: Sequence[Path], words: Sequence[str]) -> set[Path]:
    """The folders that hold a folder of pictures that is called by one of the words."""
    return {folder.parent for folder in folders if folder.name.lower() in words and first_image(folder)}


def _is_unknown(file: Path) -> bool:
    """Whether a file is named neither as a video nor as a picture, and is no text."""
    if file.suffix.lower() in (*VIDEO_SUFFIXES, *_BESIDE) or is_image(file):
        return False
    try:
        with file.open("rb") as stream:
            return b"\x00" in stream.read(1024)
    except OSError:
        return True


def _order(inside: Path) -> tuple[int, object]:
    split = inside.parts[0] if len(inside.parts) > 1 else ""
    return _SPLITS.index(split) if split in _SPLITS else len(_SPLITS), natural_key(inside.as_posix())


def _name(film: Film, way: Path) -> None:
    """Set the split and the name of a film by the folders on the way to it."""
    parts = list(way.parts)
    if parts and parts[0] in _SPLITS:
        film.split = parts.pop(0)
    film.name = "/".join([*parts, film.name])
