"""Where is what a user names?"""

from pathlib import Path


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
