"""Where is what a user names?"""

from pathlib import Path

from blurdata.errors import SourceError

_MAX_PATH, _MAX_NAME = 4095, 255  # bytes that Linux takes


def user_path(path: str | Path) -> Path:
    """The path with ``~`` as the home folder; where nobody's home is meant it stays as it is, for pathlib would raise.

    Example:
        >>> user_path("~") == Path.home(), user_path("~:no one").name
        (True, '~:no one')
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def full_path(path: str | Path) -> Path:
    """The absolute path of what a user names, fit to be written into records.

    Raises:
        SourceError: If no file can be called so, or its name is no Unicode text, which no record and no page could hold.

    Example:
        >>> full_path("/tmp/../tmp/set").as_posix()
        '/tmp/set'
    """
    if "\x00" in str(path):
        msg = f"{str(path)!r} holds a NUL character; no path does."
        raise SourceError(msg)
    if too_long(path):
        msg = f"'{str(path)[:60]}…' is no path: one has at most {_MAX_PATH} bytes, and a name in it {_MAX_NAME}."
        raise SourceError(msg)
    full = user_path(path).resolve()
    for part in full.parts:
        try:
            part.encode()
        except UnicodeEncodeError:
            msg = f"{full}: the name {part} is no valid UTF-8 text; rename that folder or file."
            raise SourceError(msg) from None
    return full


def too_long(path: str | Path) -> bool:
    """Whether no file can be called so, because the path or a name in it is too long.

    Example:
        >>> too_long("a" * 255), too_long("a" * 256)
        (False, True)
    """
    parts = str(path).encode(errors="surrogatepass").split(b"/")
    return sum(map(len, parts)) + len(parts) - 1 > _MAX_PATH or max(map(len, parts)) > _MAX_NAME
