"""How are the loops over pixels compiled? By numba; a plain numpy reference of each loop lives in the tests."""

from collections.abc import Callable
from typing import Any

import numba


def compiled(loop: Callable[..., Any]) -> Any:
    """Compile without the GIL and with numpy's rules for division, and keep the result on disk where numba finds a place for it."""
    return _compile(loop, no_cfunc_wrapper=True)


def part(loop: Callable[..., Any]) -> Any:
    """As :func:`compiled`, for what only compiled loops call: without the code by which Python calls it, which takes time to compile."""
    return _compile(loop, no_cfunc_wrapper=True, no_cpython_wrapper=True)


def _compile(loop: Callable[..., Any], **wrappers: bool) -> Any:
    options = {"nogil": True, "error_model": "numpy", **wrappers}
    try:
        return numba.njit(cache=True, **options)(loop)
    except RuntimeError:  # no folder for the cache can be written
        return numba.njit(**options)(loop)
