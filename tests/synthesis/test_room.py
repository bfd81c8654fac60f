"""Memory that is used again."""

import numpy as np

from blurdata.synthesis.room import Room


def test_memory_in_use_is_never_given_again() -> None:
    """Arrays, and views of arrays that are gone, keep their memory to themselves."""
    room = Room(most=3)
    held = [room.empty((4, 5, 3), np.uint8) for _ in range(5)]
    held[0] = held[0][1:3, ::2]
    held[1] = memoryview(held[1])
    for number, array in enumerate(held):
        np.asarray(array)[...] = number
    for _ in range(8):
        room.empty((4, 5, 3), np.uint8)[...] = 99
    assert [np.unique(array).tolist() for array in held] == [[0], [1], [2], [3], [4]]


def test_memory_is_used_again() -> None:
    """A thousand arrays that come and go live in one place, whatever their type, as long as they are as large."""
    room = Room()
    places = {room.empty(shape, dtype).ctypes.data for _ in range(500) for shape, dtype in (((6, 4), np.uint32), ((3, 8), np.float32))}
    assert len(places) == 1


def test_other_sizes_get_other_memory() -> None:
    """An array is as large as asked for."""
    room = Room()
    sizes = [room.empty(shape, dtype).nbytes for shape, dtype in (((2, 2), np.uint8), ((2, 2), np.uint16), ((7,), np.uint64))]
    assert sizes == [4, 8, 56]
