"""How are the loops over pixels compiled? By numba; a plain numpy reference of each loop lives in the tests."""

from collections.abc import Callable
from typing import Any

import numba


def compiled(loop: Callable[..., Any]) -> Any:
    """Compile without the GIL and with numpy's rules for division, and keep the result on disk where numba finds a place for it."""
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(loop)
    except RuntimeError:  # no folder for the cache can be written
        return numba.njit(**options)(loop)
