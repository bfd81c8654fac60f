"""In which order pairs are seen: pure functions of integers, the same on every machine and for every number of ranks.

All epochs together are one endless stream of (epoch, index): epoch 0's permutation, then epoch 1's, and so on. Rank ``r`` of
``world`` takes every ``world``-th item from where the run stands, so a step of all ranks together is one stretch of the
stream. Nothing is dropped or repeated, and a position in the stream is all that a resumed run needs to know.
"""

import hashlib
import math
import threading
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


def permutation(size: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """A shuffle of ``range(size)`` that depends on seed and epoch alone.

    The order of raw 64-bit words of a counter-based generator: numpy promises those for all versions, unlike ``shuffle``.

    Example:
        >>> sorted(permutation(5, seed=1, epoch=0).tolist())
        [0, 1, 2, 3, 4]
    """
    return np.argsort(_words(size, "order", seed, epoch), kind="stable")


def balanced(values: Sequence[float], seed: int, epoch: int) -> NDArray[np.int64]:
    """As many draws as there are values, spread evenly over octaves of the value.

    The octaves are [0, 1), [1, 2), [2, 4), [4, 8) and so on. Each that is not empty is drawn equally often, up to one draw;
    within an octave all items come once before any comes again. Rare long blurs are so seen as often as common short ones.

    Example:
        >>> draws = balanced([0.5] * 90 + [20.0] * 10, seed=1, epoch=0)
        >>> len(draws), int((draws >= 90).sum())
        (100, 50)
    """
    bins = [math.floor(math.log2(value)) + 1 if value >= 1 else 0 for value in values]
    members = [np.flatnonzero(np.array(bins) == one) for one in sorted(set(bins))]
    turns = permutation(len(members), seed, epoch)  # which octaves get one draw more where the numbers do not divide
    draws = []
    for rank, chosen in enumerate(turns.tolist()):
        count = len(values) // len(members) + (rank < len(values) % len(members))
        draws.append(_cycle(members[chosen], count, seed, epoch, chosen))
    drawn = np.concatenate(draws)
    return drawn[permutation(len(drawn), seed, epoch)]


def _cycle(members: NDArray[np.int64], count: int, seed: int, epoch: int, octave: int) -> NDArray[np.int64]:
    """``count`` draws from ``members``: whole shuffles one after another, the last one cut off."""
    rounds = -(-count // len(members))
    shuffles = [members[np.argsort(_words(len(members), "octave", seed, epoch, octave, turn), kind="stable")] for turn in range(rounds)]
    return np.concatenate(shuffles)[:count] if shuffles else members[:0]


def _words(count: int, *parts: str | int) -> NDArray[np.uint64]:
    key = hashlib.blake2b("/".join(str(part) for part in parts).encode(), digest_size=16).digest()
    return np.asarray(np.random.Philox(key=np.frombuffer(key, "<u8")).random_raw(count), np.uint64)


def sample_seed(seed: int, epoch: int, key: str) -> int:
    """The seed of one sample in one epoch, whatever the worker or rank: 62 bits of a hash.

    Example:
        >>> sample_seed(0, 0, "a/1") == sample_seed(0, 0, "a/1"), sample_seed(0, 0, "a/1") == sample_seed(0, 1, "a/1")
        (True, False)
    """
    return int.from_bytes(hashlib.blake2b(f"{seed}/{epoch}/{key}".encode(), digest_size=8).digest(), "big") >> 2


class _Keyed(threading.local):
    """One generator a thread, set to the start of another stream for each sample; making one takes thirty times as long."""

    def __init__(self) -> None:
        self.bits = np.random.Philox(key=0)
        self.start = self.bits.state
        self.rng = np.random.Generator(self.bits)


_keyed = _Keyed()


def sample_rng(seed: int) -> np.random.Generator:
    """The stream of ``Generator(Philox(key=seed))``, seed below 2^64; it is this thread's until the next call.

    Example:
        >>> bool(sample_rng(7).random() == np.random.Generator(np.random.Philox(key=7)).random())
        True
    """
    _keyed.start["state"]["key"][0] = seed
    _keyed.bits.state = _keyed.start
    return _keyed.rng


def advance(size: int, epoch: int, consumed: int, count: int) -> tuple[int, int]:
    """The position (epoch, consumed in it) that lies ``count`` items further on.

    Example:
        >>> advance(size=10, epoch=0, consumed=8, count=5)
        (1, 3)
    """
    more, consumed = divmod(consumed + count, size)
    return epoch + more, consumed


def rank_steps(size: int, consumed: int, rank: int, world: int) -> Iterator[int]:
    """Positions in the stream, counted from the start of the epoch, that one rank takes to finish the epoch.

    Every rank takes equally many; the last ones may lie in the next epoch.

    Example:
        >>> [list(rank_steps(10, consumed=4, rank=rank, world=4)) for rank in range(4)]
        [[4, 8], [5, 9], [6, 10], [7, 11]]
    """
    count = -(-(size - consumed) // world)
    return iter(range(consumed + rank, consumed + rank + count * world, world))


def runs(sequences: Sequence[str], positions: Sequence[int], length: int) -> list[int]:
    """Starts of all runs of ``length`` items of one sequence at consecutive positions.

    Example:
        >>> runs(["a", "a", "a", "b", "b"], [0, 1, 2, 0, 1], length=2)
        [0, 1, 3]
    """
    follows = [
        index > 0 and sequences[index] == sequences[index - 1] and positions[index] == positions[index - 1] + 1
        for index in range(len(sequences))
    ]
    starts, streak = [], 0
    for index, follow in enumerate(follows):
        streak = streak + 1 if follow else 1
        if streak >= length:
            starts.append(index - length + 1)
    return starts
