"""From a name to a PairSource, in any process.

``open_source("gopro:/data/GOPRO_Large?variant=blur_gamma&split=train")`` gives the same pairs in every process that sees the
same files. A kind is one line in ``_KINDS``: the function that opens a path, whose keyword arguments are the options.
"""

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode

from blurdata.errors import SourceError, did_you_mean
from blurdata.pairs import PairSource
from blurdata.paths import full_path, too_long, user_path

_FILES = ("recipe", "interpolator")  # options that may name a file
_KINDS = {
    "pairs": "blurdata.datasets:open_folders",
    "gopro": "blurdata.datasets:open_gopro",
    "reds": "blurdata.datasets:open_reds",
    "realblur-j": "blurdata.datasets:open_realblur_j",
    "realblur-r": "blurdata.datasets:open_realblur_r",
    "rsblur": "blurdata.datasets:open_rsblur",
    "hide": "blurdata.datasets:open_hide",
    "bsd": "blurdata.datasets:open_bsd",
    "dvd": "blurdata.datasets:open_dvd",
    "kohler": "blurdata.datasets:open_kohler",
    "hf": "blurdata.datasets:open_hf",
    "lmdb": "blurdata.datasets:open_lmdb",
    "align": "blurdata.alignment:open_captures",
    "video": "blurdata.synthesis:open_video",
    "convolve": "blurdata.synthesis:open_convolve",
    "shards": "blurdata.shards:open_shards",
}
_AROUND = {"measured": "blurdata.quality.measured:Measured"}  # what stands before the text of another source
_SHOWN = 200  # characters of a text that an error repeats


def kinds() -> list[str]:
    """The kinds of source that can be opened."""
    return sorted({**_KINDS, **_AROUND})


def options_of(kind: str) -> list[str]:
    """The options that a kind of source takes; none for a kind that does not exist.

    Example:
        >>> "variant" in options_of("gopro")
        True
    """
    return list(inspect.signature(_opener(kind)).parameters)[1:] if kind in _KINDS else []


def open_source(text: str) -> PairSource:
    """Open the source that ``text`` names: ``KIND:PATH?option=value&option=value``.

    Args:
        text: For example ``"video:ride.mp4?recipe=gopro"`` or ``"pairs:/data/mine"``. Option values are percent-decoded, and so is a
            path that is not there as it stands: ``?`` in the name of a folder reads ``%3F``. ``measured:`` before the whole has
            every pair measured (:class:`blurdata.quality.measured.Measured`).

    Returns:
        A source whose ``text`` attribute opens it again, from any folder.

    Raises:
        SourceError: If the kind or an option is unknown, or the path does not hold what the kind says.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from blurdata.files import write_png
        >>> folder = Path(tempfile.mkdtemp())
        >>> for half in ("blurry", "sharp"):
        ...     write_png(folder / half / "a.png", np.zeros((8, 8, 3), np.uint8))
        >>> open_source(f"pairs:{folder}").keys
        ['a']
    """
    kind, colon, rest = text.partition(":")
    if colon and kind in _AROUND:
        return _named(_AROUND[kind])(open_source(rest))
    if not colon or kind not in _KINDS:
        raise SourceError(_no_kind(text))
    path, _, query = rest.partition("?")
    if not path:
        msg = f"'{text}' has no path; write {kind}:PATH."
        raise SourceError(msg)
    opener = _opener(kind)
    options = _options(text, query, opener)
    for name in _FILES:  # in full, so that the text opens it from any folder
        if name in options and not too_long(options[name]) and user_path(options[name]).is_file():
            options[name] = str(full_path(options[name]))
            query = urlencode(options, safe="/~")
    location = full_path(path)
    if not location.exists():
        location = full_path(unquote(path))
    named = kind == "hf" and not location.exists()  # a set's name on the hub
    source = opener(path if named else str(location), **options)
    source.text = source_text(kind, path if named else location, query)
    return source


def source_text(kind: str, path: Path | str, query: str = "") -> str:
    """The text that opens a path as a source.

    Example:
        >>> source_text("pairs", "/data/mine?", "split=test")
        'pairs:/data/mine%3F?split=test'
    """
    escaped = str(path).replace("%", "%25").replace("?", "%3F") if "?" in str(path) else str(path)
    return f"{kind}:{escaped}" + (f"?{query}" if query else "")


def _no_kind(text: str) -> str:
    """What to say of a text that begins with no kind."""
    kind, colon, _ = text.partition(":")
    hint = did_you_mean(f"{kind}:", [f"{known}:" for known in kinds()]) if colon else ""
    if not too_long(text) and user_path(text).exists():
        hint = f"did you mean '{source_text('pairs' if user_path(text).is_dir() else 'video', text)}'? "
    elif text and not colon:
        hint = "there is no such folder or file; "
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"'{shown}' names no source; {hint}write KIND:PATH?option=value with one of the kinds {', '.join(kinds())}."


def _opener(kind: str) -> Callable[..., PairSource]:
    return _named(_KINDS[kind])


def _named(place: str) -> Callable[..., PairSource]:
    module, _, name = place.partition(":")
    opener: Callable[..., PairSource] = getattr(import_module(module), name)
    return opener


def _options(text: str, query: str, opener: Callable[..., PairSource]) -> dict[str, str]:
    allowed = dict(list(inspect.signature(opener).parameters.items())[1:])
    try:
        given = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=32)
    except ValueError:
        msg = f"'{text}': the part behind '?' must read option=value&option=value."
        raise SourceError(msg) from None
    options = dict(given)
    for name in options:
        if name not in allowed:
            hint = did_you_mean(name, allowed)
            msg = f"'{text}': unknown option '{name}'; {hint}the options are {', '.join(allowed) or 'none'}."
            raise SourceError(msg)
    if len(options) != len(given):
        msg = f"'{text}': an option is given twice."
        raise SourceError(msg)
    missing = [name for name, parameter in allowed.items() if parameter.default is inspect.Parameter.empty and name not in options]
    if missing:
        msg = f"'{text}': option '{missing[0]}' must be given; add ?{missing[0]}=…"
        raise SourceError(msg)
    return options
