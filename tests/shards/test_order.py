"""Orders are permutations, ranks share them without loss, and any resume point leads to the same future."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blurdata.shards import ShardSampler
from blurdata.shards.order import balanced, permutation
from blurdata.shards.plan import cut


def steps(size: int, world: int, batch: int, state: dict[str, int] | None = None, *, count: int) -> tuple[list[set], list[dict]]:
    """The samples of each global step, and the state after it, as a training loop on ``world`` ranks would see them."""
    crew = [ShardSampler(range(size), seed=5, rank=rank, world=world) for rank in range(world)]
    for sampler in crew:
        sampler.load_state_dict(state or {"epoch": 0, "consumed": 0})
    seen, states = [], []
    while len(seen) < count:
        streams = [iter(sampler) for sampler in crew]
        for _ in range(len(crew[0]) // batch):
            seen.append({next(stream) for stream in streams for _ in range(batch)})
            for sampler in crew:
                sampler.advance(batch * world)
            states.append(crew[0].state_dict())
    return seen, states


@given(size=st.integers(1, 60), seed=st.integers(0, 2**40), epoch=st.integers(0, 2**20))
def test_permutation_holds_everything_once(size: int, seed: int, epoch: int) -> None:
    """An epoch is a permutation, the same whenever it is asked for."""
    order = permutation(size, seed, epoch)
    assert sorted(order.tolist()) == list(range(size))
    np.testing.assert_array_equal(order, permutation(size, seed, epoch))


def test_permutation_never_changes() -> None:
    """The order is pinned: a new numpy or machine must not reshuffle a run that resumes."""
    assert permutation(8, seed=1, epoch=2).tolist() == [2, 5, 7, 4, 1, 3, 0, 6]


def test_epochs_and_seeds_differ() -> None:
    """Another epoch or another seed is another order."""
    orders = {tuple(permutation(50, seed, epoch).tolist()) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


@settings(deadline=None)
@given(size=st.integers(1, 50), world=st.integers(1, 8), consumed=st.integers(0, 49))
def test_ranks_share_an_epoch(size: int, world: int, consumed: int) -> None:
    """Ranks yield equally many, together everything that is left once, and then the next epoch goes on behind it."""
    consumed %= size
    crew = [ShardSampler(range(size), seed=5, rank=rank, world=world) for rank in range(world)]
    for sampler in crew:
        sampler.load_state_dict({"epoch": 0, "consumed": consumed})
    first = [list(sampler) for sampler in crew]
    assert {len(part) for part in first} == {-(-(size - consumed) // world)}
    second = [list(sampler) for sampler in crew]

    counts = Counter(item for part in first + second for item in part)
    assert set(counts.values()) == {1}
    assert {index for epoch, index in counts if epoch == 0} == set(permutation(size, 5, 0)[consumed:].tolist())
    assert len({tuple(sampler.state_dict().items()) for sampler in crew}) == 1


@pytest.mark.parametrize("resumed_world", [1, 2, 4, 8])
def test_elastic_resume(resumed_world: int) -> None:
    """Stop 4 ranks after any step, go on with 1 to 8: with the same global batch every later step sees the same samples."""
    full, states = steps(64, world=4, batch=2, count=16)
    for stop in range(12):
        rest, _ = steps(64, world=resumed_world, batch=8 // resumed_world, state=states[stop], count=15 - stop)
        assert rest[: 15 - stop] == full[stop + 1 : 16]


@pytest.mark.parametrize(
    ("size", "world", "batch", "sizes"),
    [
        (10, 1, 8, [8, 2, 8, 2]),  # an epoch of its own each
        (10, 2, 4, [8, 2, 8, 2]),
        (10, 4, 2, [8, 4, 8, 8, 4]),  # the first epoch's last step takes two of the second's ten
        (10, 4, 3, [12, 8, 12]),
        (3, 8, 1, [8, 8, 8]),  # more ranks than samples: steps reach over epochs
    ],
)
def test_the_last_step_of_an_epoch_is_rounded_up_to_all_ranks(size: int, world: int, batch: int, sizes: list[int]) -> None:
    """It is what is left of the epoch, and the first of the next one so that every rank has equally many; no sample is lost or doubled."""
    crew = [ShardSampler(range(size), shuffle=False, rank=rank, world=world) for rank in range(world)]
    seen: list[list[tuple[int, int]]] = []
    while len(seen) < len(sizes):
        parts = [list(sampler) for sampler in crew]
        for start in range(0, len(parts[0]), batch):
            assert len({len(part[start : start + batch]) for part in parts}) == 1
            seen.append(sorted(item for part in parts for item in part[start : start + batch]))

    assert [len(step) for step in seen[: len(sizes)]] == sizes
    stream = [item for step in seen for item in step]
    assert stream == [divmod(place, size) for place in range(len(stream))]


def test_batches_without_a_break_are_the_same_for_any_number_of_ranks() -> None:
    """Iterations that follow each other in one stream a rank give full steps that do not show where an epoch ends."""

    def full_steps(world: int) -> list[list[tuple[int, int]]]:
        crew = [ShardSampler(range(10), seed=5, rank=rank, world=world) for rank in range(world)]
        streams = [itertools.chain.from_iterable(itertools.repeat(sampler, 9)) for sampler in crew]
        return [sorted(item for stream in streams for item in itertools.islice(stream, 8 // world)) for _ in range(7)]

    assert full_steps(1) == full_steps(2) == full_steps(4) == full_steps(8)


def test_balanced_draws_are_even_and_repeatable() -> None:
    """Every octave of blur is drawn equally often up to one, and within it items come once before any comes again."""
    values = [0.2] * 70 + [3.0] * 20 + [9.0] * 9 + [100.0]
    draws = balanced(values, seed=1, epoch=0)
    octave = Counter(values[index] for index in draws.tolist())
    assert sum(octave.values()) == 100
    assert set(octave.values()) == {25}
    assert set(Counter(index for index in draws.tolist() if values[index] == 3.0).values()) == {1, 2}
    np.testing.assert_array_equal(draws, balanced(values, seed=1, epoch=0))
    assert draws.tolist() != balanced(values, seed=1, epoch=1).tolist()


@pytest.mark.parametrize("state", [{"epoch": 0, "consumed": 10}, {"epoch": -1, "consumed": 0}])
def test_foreign_states_are_refused(state: dict[str, int]) -> None:
    """A state that cannot be of this data set is an error."""
    with pytest.raises(ValueError, match="does not belong"):
        ShardSampler(range(10)).load_state_dict(state)


def test_wrong_arguments() -> None:
    """Ranks out of range, empty data sets and balance without meta data are errors at the door."""
    with pytest.raises(ValueError, match="rank"):
        ShardSampler(range(3), rank=2, world=2)
    with pytest.raises(ValueError, match="empty"):
        ShardSampler([])
    with pytest.raises(TypeError, match="ShardDataset"):
        ShardSampler(range(3), balance="blur_px_p95")


@settings(deadline=None)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=60), st.integers(1, 20), st.integers(1, 2000))
def test_plans_cut_everything_once(sizes: list[int], most_pairs: int, most_bytes: int) -> None:
    """Shards follow each other without a gap, hold no more than they may unless one pair alone is larger, and are no fewer than need be."""
    ends = cut(iter(sizes), most_pairs, most_bytes)
    parts = [sizes[low:high] for low, high in itertools.pairwise(ends)]

    assert [size for part in parts for size in part] == sizes
    for part, after in itertools.zip_longest(parts, parts[1:]):
        assert 1 <= len(part) <= most_pairs
        assert len(part) == 1 or sum(part) <= most_bytes
        assert after is None or len(part) == most_pairs or sum(part) + after[0] > most_bytes


def test_a_loader_that_is_an_epoch_ahead_changes_nothing() -> None:
    """Who prefetches has run through the sampler before the first step is done; steps that are then noted count once."""
    sampler = ShardSampler(range(10), seed=3)
    for epoch in range(3):
        assert {index for _, index in list(sampler)} == set(range(10))
        for count in (4, 4, 2):
            sampler.advance(count)
        assert sampler.state_dict() == {"epoch": epoch + 1, "consumed": 0}
        assert len(sampler) == 10
    list(sampler)
    sampler.load_state_dict({"epoch": 7, "consumed": 4})
    assert sampler.state_dict() == {"epoch": 7, "consumed": 4}
    assert [epoch for epoch, _ in sampler] == [7] * 6
    assert sampler.state_dict() == {"epoch": 8, "consumed": 0}


def test_a_state_loaded_while_an_iteration_runs_stays() -> None:
    """The end of an iteration moves the state only if nobody else did since it began."""
    sampler = ShardSampler(range(10), seed=3)
    stream = iter(sampler)
    next(stream)
    sampler.load_state_dict({"epoch": 5, "consumed": 0})
    list(stream)
    assert sampler.state_dict() == {"epoch": 5, "consumed": 0}
