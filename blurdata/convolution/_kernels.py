"""How are the taps of a sparse PSF summed fast? Loops compiled by numba, with their innermost one written in LLVM's vector types.

A tap is read from a padded picture at a constant offset, so sums of 96 samples are kept in registers while the loop runs over the
taps. With light as 15-bit integers a 32-bit word holds a sample and the one below it, and one instruction (``vpmaddwd`` on x86)
does two taps of 8 samples. Two rows of 48 samples are summed at once, as most words serve both; so words begin at every second row only.
Plain numpy versions live in the tests.

Functions take plain arrays and flat positions: slices and tuples would double the time to compile, which the first call waits for.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from blurdata.compiled import compiled, part

BLOCK = 96  # samples in registers: 12 vectors of 8, of the 16 that AVX2 has
STRIP = BLOCK // 2  # of each of two rows
BAND = 16  # rows done before the next strip
_LANES = 8
_VECTORS = BLOCK // _LANES

_I16, _I32, _I64, _F32 = ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()
Step = Callable[[Any, list[Any]], list[Any]]


def _loop(builder: ir.IRBuilder, first: Any, end: Any, sums: list[Any], step: Step) -> tuple[Any, list[Any]]:
    """Code of ``while first < end: sums = step(first, sums); first += 1``, with all of it in registers."""
    before = builder.block
    head, body, after = (builder.append_basic_block(name) for name in ("head", "body", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    tap, olds = builder.phi(_I64), [builder.phi(old.type) for old in sums]
    builder.cbranch(builder.icmp_signed("<", tap, end), body, after)
    builder.position_at_end(body)
    news = [builder.add(tap, ir.Constant(_I64, 1)), *step(tap, olds)]
    builder.branch(head)
    for phi, start, new in zip([tap, *olds], [first, *sums], news, strict=True):
        phi.add_incoming(start, before)
        phi.add_incoming(new, body)
    builder.position_at_end(after)
    return tap, olds


def _vector(builder: ir.IRBuilder, pointer: Any, number: int) -> Any:
    """Place of the ``number``-th vector from a pointer to words."""
    word = pointer.type.pointee
    return builder.bitcast(builder.gep(pointer, [ir.Constant(_I64, _LANES * number)]), ir.VectorType(word, _LANES).as_pointer())


def _everywhere(builder: ir.IRBuilder, weights: Any, tap: Any) -> Any:
    """A vector of one weight."""
    undefined = ir.Constant(ir.VectorType(weights.type.pointee, _LANES), ir.Undefined)
    weight = builder.insert_element(undefined, builder.load(builder.gep(weights, [tap])), ir.Constant(_I32, 0))
    return builder.shuffle_vector(weight, undefined, ir.Constant(ir.VectorType(_I32, _LANES), [0] * _LANES))


def _pointers(builder: ir.IRBuilder, word: ir.Type, *addresses: Any) -> list[Any]:
    return [builder.inttoptr(address, word.as_pointer()) for address in addresses]


@intrinsic  # type: ignore[untyped-decorator]
def _sum_taps(_context: Any, src: Any, offsets: Any, weights: Any, count: Any, dst: Any) -> Any:
    """``dst[0:96] = sum over t < count of weights[t] * src[offsets[t]:][0:96]`` in float32; arguments are addresses."""

    def generate(context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> Any:
        source, places, factors, end, target = arguments
        source, factors, target = _pointers(builder, _F32, source, factors, target)
        (places,) = _pointers(builder, _I64, places)

        def step(tap: Any, sums: list[Any]) -> list[Any]:
            start, weight = builder.gep(source, [builder.load(builder.gep(places, [tap]))]), _everywhere(builder, factors, tap)
            samples = [builder.load(_vector(builder, start, number), align=4) for number in range(_VECTORS)]
            products = [builder.fmul(sample, weight, flags=("contract",)) for sample in samples]
            return [builder.fadd(product, old, flags=("contract",)) for product, old in zip(products, sums, strict=True)]

        zero = ir.Constant(ir.VectorType(_F32, _LANES), [0] * _LANES)
        _, sums = _loop(builder, ir.Constant(_I64, 0), end, [zero] * _VECTORS, step)
        for number, total in enumerate(sums):
            builder.store(total, _vector(builder, target, number), align=4)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5), generate


def _multiply_add_pairs(builder: ir.IRBuilder, samples: Any, weight: Any, old: Any) -> Any:
    """Each 32-bit word holds two 16-bit samples, or weights: ``old + low * low + high * high``."""
    halves, wide = ir.VectorType(_I16, 2 * _LANES), ir.VectorType(_I32, 2 * _LANES)
    product = builder.mul(*(builder.sext(builder.bitcast(x, halves), wide) for x in (samples, weight)))
    undefined = ir.Constant(wide, ir.Undefined)
    low, high = (
        builder.shuffle_vector(product, undefined, ir.Constant(ir.VectorType(_I32, _LANES), list(range(first, 2 * _LANES, 2))))
        for first in (0, 1)
    )
    return builder.add(old, builder.add(low, high))


@intrinsic  # type: ignore[untyped-decorator]
def _sum_words(_context: Any, src: Any, offsets: Any, first: Any, second: Any, both: Any, upper: Any, lower: Any, dst: Any) -> Any:
    """Sums of two rows of 48 samples to ``dst[0:48]`` and ``dst[48:96]``; arguments are addresses and three ends.

    The first ``both`` taps go into both rows, those up to ``upper`` into the first only, and those up to ``lower`` into the second.
    """

    def generate(context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> Any:
        source, places, one, other, *ends, target = arguments
        source, one, other, target = _pointers(builder, _I32, source, one, other, target)
        (places,) = _pointers(builder, _I64, places)
        half = _VECTORS // 2

        def step_of(*rows: int) -> Step:
            def step(tap: Any, sums: list[Any]) -> list[Any]:
                start = builder.gep(source, [builder.load(builder.gep(places, [tap]))])
                weights, news = {row: _everywhere(builder, (one, other)[row], tap) for row in rows}, list(sums)
                for number in range(half):
                    samples = builder.load(_vector(builder, start, number), align=4)
                    for row in rows:
                        at = row * half + number
                        news[at] = _multiply_add_pairs(builder, samples, weights[row], sums[at])
                return news

            return step

        tap, sums = ir.Constant(_I64, 0), [ir.Constant(ir.VectorType(_I32, _LANES), [0] * _LANES)] * _VECTORS
        for end, rows in zip(ends, ((0, 1), (0,), (1,)), strict=True):
            tap, sums = _loop(builder, tap, end, sums, step_of(*rows))
        for number, total in enumerate(sums):
            builder.store(total, _vector(builder, target, number), align=4)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 8), generate


@part
def _fill(image, light, proportional, rows, columns, left, first, last, words):  # type: ignore[no-untyped-def]
    """Rows ``first`` to ``last`` of the padded words: light of one row and of the one below; 0 where an index is -1."""
    width, count = image.shape[1], len(columns)
    for m in range(first, last):
        above, below, out = rows[2 * m], rows[2 * m + 1], words[m]
        low, high = light[1 if above >= 0 else 0], light[2 if below >= 0 else 0]
        upper, lower = image[max(above, 0)], image[max(below, 0)]
        middle = out[left : left + width]
        if proportional:
            for i in range(width):
                middle[i] = upper[i] * low[1] + lower[i] * high[1]
        else:
            for i in range(width):
                middle[i] = low[upper[i]] | high[lower[i]]
        for i in range(count - width):
            place = i if i < left else i + width
            c = columns[place]
            out[place] = low[upper[c]] | high[lower[c]] if c >= 0 else 0


@part
def _add_up(sums, carry, x):  # type: ignore[no-untyped-def]
    """Sums of differences become sums: each row's on top of the one before, which ``carry`` keeps."""
    for i in range(STRIP):
        upper = carry[x + i] + sums[i]
        lower = upper + sums[STRIP + i]
        sums[i], sums[STRIP + i], carry[x + i] = upper, lower, lower


@part
def _encode(sums, codes, shift, out, start, width, rows, count):  # type: ignore[no-untyped-def]
    half = np.int32(1 << (shift - 1))
    for row in range(rows):
        source, target = np.uint64(row * STRIP), np.uint64(start + row * width)  # unsigned: no counting from the end
        if len(codes) == 0:
            for i in range(np.uint64(count)):
                out[target + i] = np.uint8((sums[source + i] + half) >> np.int32(shift))
        else:
            for i in range(np.uint64(count)):
                out[target + i] = codes[np.uint32(sums[source + i]) >> np.uint32(shift)]


@compiled
def blur_words(image, light, rows, columns, left, offsets, upper, lower, ends, begin, begin_weights, codes, shift, words, work, out):  # type: ignore[no-untyped-def]
    """``out[y, x] = codes[(sum over t of weights[t] . words[y // 2, x + offsets[t]]) >> shift]`` with two samples in each word.

    Where there is a ``begin`` the weights are differences down the columns, and each sum is added to that of the row above:
    wherever the kernel is even, nothing is left to sum. Integers add up without drift.

    Args:
        image: (H, n) codes, rows of interleaved channels.
        light: (3, codes) int32: zeros, light below 2 ** 15 of each code, and that shifted by 16 bits.
        rows: Source row of each padded row, -1 for 0; an even number.
        columns: Source sample of each padded sample, -1 for 0.
        left: Padded samples before the picture's first.
        offsets: (T,) int64 positions of the taps relative to the output's place in the flat words.
        upper: (T,) int32 weights for even rows, two int16 each.
        lower: (T,) int32 weights for the odd rows below.
        ends: (3,) int64: end of the taps for both rows, of those for the upper alone, of those for the lower alone.
        begin: Positions of the taps, as ``offsets``, whose sum is the row above the picture's first.
        begin_weights: Their weights.
        codes: Table of output codes; an empty one says that codes and light are proportional.
        shift: Bits of the sum below the table's index, or below the code.
        words: (rows / 2, stride) int32 to work in, a strip longer than it is read.
        work: (2 * BLOCK + n,) int32 to work in.
        out: (H * n,) codes.
    """
    height, width = image.shape
    stride, src, sums, carry = words.shape[1], words.ctypes.data, work[:BLOCK], work[BLOCK:]
    taps, one, other = offsets.ctypes.data, upper.ctypes.data, lower.ctypes.data
    reach = len(rows) // 2 - (height + 1) // 2
    for top in range(0, height, BAND):
        bottom = min(top + BAND, height)
        _fill(image, light, len(codes) == 0, rows, columns, left, top // 2 + reach if top > 0 else 0, (bottom + 1) // 2 + reach, words)
        for x in range(0, width, STRIP):  # strips: what one strip of a band needs stays in the first-level cache
            if top == 0 and len(begin) > 0:
                start = begin_weights.ctypes.data
                _sum_words(src + 4 * x, begin.ctypes.data, start, start, 0, len(begin), 0, carry.ctypes.data + 4 * x)
            for y in range(top, bottom, 2):
                _sum_words(src + 4 * (y // 2 * stride + x), taps, one, other, ends[0], ends[1], ends[2], sums.ctypes.data)
                if len(begin) > 0:
                    _add_up(sums, carry, x)
                _encode(sums, codes, shift, out, y * width + x, width, min(2, bottom - y), min(STRIP, width - x))


@part
def _light_of_row(image, source, light, columns, left, out):  # type: ignore[no-untyped-def]
    """One padded row: ``out[i] = light[image[source, columns[i]]]``, 0 where an index is -1; the middle needs no index."""
    if source < 0:
        out[:] = 0
        return
    row, width = image[source], image.shape[1]
    for i in range(left):
        out[i] = light[row[columns[i]]] if columns[i] >= 0 else 0
    middle = out[left : left + width]
    for i in range(width):
        middle[i] = light[row[i]]
    for i in range(left + width, len(columns)):
        out[i] = light[row[columns[i]]] if columns[i] >= 0 else 0


@compiled
def light_up(image, light, rows, columns, left, out):  # type: ignore[no-untyped-def]
    """Padded light as float32, for :func:`run_taps`; arguments as of :func:`blur_words`."""
    for r in range(len(rows)):
        _light_of_row(image, rows[r], light, columns, left, out[r, : len(columns)])


@compiled
def pad_up(values, rows, columns, left, out):  # type: ignore[no-untyped-def]
    """Padded (H, n) float32, for :func:`run_taps`; arguments as of :func:`blur_words`."""
    width, count = values.shape[1], len(columns)
    for r in range(len(rows)):
        line = out[r]
        if rows[r] < 0:
            line[:count] = 0
            continue
        source = values[rows[r]]
        for i in range(left):
            line[i] = source[columns[i]] if columns[i] >= 0 else 0
        line[left : left + width] = source
        for i in range(left + width, count):
            line[i] = source[columns[i]] if columns[i] >= 0 else 0


@compiled
def run_taps(padded, offsets, weights, out):  # type: ignore[no-untyped-def]
    """``out[y, x] = sum over t of weights[t] * padded[y, x + offsets[t]]`` in float32; arguments as of :func:`blur_words`."""
    height, width = out.shape
    sums = np.empty(BLOCK, np.float32)
    src, dst, stride = padded.ctypes.data, sums.ctypes.data, padded.shape[1]
    for top in range(0, height, BAND):
        for x in range(0, width, BLOCK):
            count = min(BLOCK, width - x)
            for y in range(top, min(top + BAND, height)):
                _sum_taps(src + 4 * (y * stride + x), offsets.ctypes.data, weights.ctypes.data, len(weights), dst)
                line = out[y, x : x + count]
                for i in range(count):
                    line[i] = sums[i]


@compiled
def codes_of_light(light, codes, lowest, shift, out):  # type: ignore[no-untyped-def]
    """Codes by a table over the bits of float32 light, so that its steps are relative: fine where a curve is steep.

    Args:
        light: (N,) int32, the bits of float32.
        codes: Table; entry i is for the bits from ``lowest + (i << shift)``.
        lowest: Bits of the smallest light told from 0.
        shift: Bits dropped.
        out: (N,) codes.
    """
    last = np.int32(len(codes) - 1)
    for i in range(len(light)):
        index = (light[i] - lowest) >> shift
        out[i] = codes[min(max(index, np.int32(0)), last)]


@compiled
def shift_and_add(padded, offsets, weights, out):  # type: ignore[no-untyped-def]
    """``out[y, x] = floor(sum over t of weights[t] * padded[y, x + offsets[t]])`` in float64, one after the other, clipped to bytes."""
    height, width = out.shape
    stride, flat = padded.shape[1], padded.reshape(-1)
    sums = np.empty(width, np.float64)
    for y in range(height):
        sums[:] = 0
        for t in range(len(weights)):
            start = y * stride + offsets[t]
            source, weight = flat[start : start + width], weights[t]
            for x in range(width):
                sums[x] += weight * source[x]
        line = out[y]
        for x in range(width):
            line[x] = np.uint8(min(max(sums[x], 0.0), 255.0))
