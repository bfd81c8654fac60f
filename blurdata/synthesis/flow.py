"""How does the picture move: OpenCV's dense inverse search flow (DIS), the same on any number of threads."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Flow = NDArray[np.float32]
_LEAST_PX = 32  # a side below which OpenCV 5's DIS, at patches of 8 px, fails on some widths, a few with a crash
_cv_lock = threading.Lock()
_cv_users = 0
_cv_threads = 1


@contextmanager
def one_thread() -> Iterator[None]:
    """OpenCV on one thread: its DIS flow cuts the picture into as many stripes as threads, and the flow depends on the cut."""
    global _cv_users, _cv_threads
    with _cv_lock:
        if _cv_users == 0:
            _cv_threads = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _cv_users += 1
    try:
        yield
    finally:
        with _cv_lock:
            _cv_users -= 1
            if _cv_users == 0:
                cv2.setNumThreads(_cv_threads)


def roomy(frame: NDArray[Any]) -> NDArray[Any]:
    """The (H, W) frame, its last row and column repeated until DIS has room for its patches."""
    pad = [(0, max(0, _LEAST_PX - side)) for side in frame.shape]
    return np.pad(frame, pad, mode="edge") if any(after for _, after in pad) else frame


def flow_between(a: NDArray[np.uint8], b: NDArray[np.uint8], *, guess: Flow | None = None) -> Flow:
    """DIS flow from ``a`` to ``b``, (H, W, 2) float32 px, of (H, W) uint8 frames; the search begins at ``guess``."""
    height, width = a.shape
    a, b = roomy(a), roomy(b)
    if guess is not None:
        guess = np.pad(guess, ((0, a.shape[0] - height), (0, a.shape[1] - width), (0, 0)), mode="edge")
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dis.setPatchStride(2)  # this and the next instead of 4 and 5: +0.3 dB (tools/bench/interpolation.py)
    dis.setVariationalRefinementIterations(10)
    with one_thread():
        flow = np.asarray(dis.calc(a, b, guess))
    return np.ascontiguousarray(flow[:height, :width])


def both_flows(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> tuple[Flow, Flow]:
    """The flow from ``a`` to ``b`` and back; the two run on two threads."""
    with ThreadPoolExecutor(2) as pool:
        forward, backward = pool.map(flow_between, (a, b), (b, a))
    return forward, backward


def carried(field: Flow, way: Flow) -> Flow:
    """A field of another frame, of one or two channels, looked up where ``way`` leads: bilinear, edges held."""
    height, width = way.shape[:2]
    x = np.arange(width, dtype=np.float32) + way[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + way[..., 1]
    return np.asarray(cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
