"""Loops over pixels, compiled by numba where they are hot; a plain numpy reference of each lives in the tests."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(loop: Loop) -> Loop:
    """Compile without the GIL, and keep the result on disk where that is possible."""
    done: Loop = numba.njit(nogil=True, cache=_cache_writable())(loop)
    return done


def _cache_writable() -> bool:
    where = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(where) if where else Path(__file__).parent / "__pycache__"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
