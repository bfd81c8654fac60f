"""How are the taps of a sparse PSF summed fast? Loops compiled by numba, with their innermost one written in LLVM's vector types.

A tap is read from a padded picture at a constant offset, so a block of 96 neighbouring samples is kept in registers while the loop
runs over the taps: one load and one multiply-add for 8 samples. With light as 15-bit integers two neighbouring samples share a
32-bit word and one instruction (``vpmaddwd`` on x86) does two taps of 8 samples. Plain numpy versions live in the tests.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from blurdata.compiled import compiled

BLOCK = 96  # samples in registers: 12 vectors of 8, of the 16 that AVX2 has
BAND = 16  # rows done before the next strip
_LANES = 8

_I16, _I32, _I64, _F32 = ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()


def _tap_loop(word: ir.Type, step: Callable[[ir.IRBuilder, Any, Any, Any], Any]) -> Callable[..., Any]:
    """Code of ``for t in range(count): acc[0:96] = step(src[offsets[t]:][0:96], weights[t], acc)``, then ``dst[0:96] = acc``."""
    vector = ir.VectorType(word, _LANES)

    def generate(context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> Any:
        src, offsets, weights, count, dst = arguments
        src, weights, dst = (builder.inttoptr(address, word.as_pointer()) for address in (src, weights, dst))
        offsets = builder.inttoptr(offsets, _I64.as_pointer())
        before, loop, after = builder.block, builder.append_basic_block("taps"), builder.append_basic_block("sums")
        builder.branch(loop)
        builder.position_at_end(loop)
        tap = builder.phi(_I64)
        tap.add_incoming(ir.Constant(_I64, 0), before)
        sums = [builder.phi(vector) for _ in range(BLOCK // _LANES)]
        undefined = ir.Constant(vector, ir.Undefined)
        weight = builder.insert_element(undefined, builder.load(builder.gep(weights, [tap])), ir.Constant(_I32, 0))
        weight = builder.shuffle_vector(weight, undefined, ir.Constant(ir.VectorType(_I32, _LANES), [0] * _LANES))
        start = builder.gep(src, [builder.load(builder.gep(offsets, [tap]))])
        for number, old in enumerate(sums):
            place = builder.bitcast(builder.gep(start, [ir.Constant(_I64, _LANES * number)]), vector.as_pointer())
            new = step(builder, builder.load(place, align=4), weight, old)
            old.add_incoming(ir.Constant(vector, [0] * _LANES), before)
            old.add_incoming(new, loop)
        following = builder.add(tap, ir.Constant(_I64, 1))
        tap.add_incoming(following, loop)
        finals = [old.incomings[1][0] for old in sums]
        builder.cbranch(builder.icmp_signed("<", following, count), loop, after)
        builder.position_at_end(after)
        for number, final in enumerate(finals):
            place = builder.bitcast(builder.gep(dst, [ir.Constant(_I64, _LANES * number)]), vector.as_pointer())
            builder.store(final, place, align=4)
        return context.get_dummy_value()

    return generate


def _multiply_add(builder: ir.IRBuilder, samples: Any, weight: Any, old: Any) -> Any:
    return builder.fadd(builder.fmul(samples, weight, flags=("contract",)), old, flags=("contract",))


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
def _sum_pairs(_context: Any, src: Any, offsets: Any, weights: Any, count: Any, dst: Any) -> Any:
    return types.void(types.intp, types.intp, types.intp, types.intp, types.intp), _tap_loop(_I32, _multiply_add_pairs)


@intrinsic  # type: ignore[untyped-decorator]
def _sum_taps(_context: Any, src: Any, offsets: Any, weights: Any, count: Any, dst: Any) -> Any:
    return types.void(types.intp, types.intp, types.intp, types.intp, types.intp), _tap_loop(_F32, _multiply_add)


@compiled
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
def _pair_rows(image, light, rows, columns, left, step, first, last, padded):  # type: ignore[no-untyped-def]
    """Padded rows ``first`` to ``last`` as pairs: with the sample ``step`` to the right or, at 0, with the one below."""
    here = np.zeros(len(columns), np.int16)
    below = np.zeros(len(columns), np.int16)
    _light_of_row(image, rows[first], light, columns, left, here)
    for r in range(first, last):
        line = padded[r]
        if step > 0:
            for i in range(len(columns) - step):
                line[i] = np.int32(np.uint16(here[i])) | (np.int32(here[i + step]) << np.int32(16))
            for i in range(len(columns) - step, len(columns)):
                line[i] = np.int32(np.uint16(here[i]))
        _light_of_row(image, rows[r + 1] if r + 1 < len(rows) else -1, light, columns, left, below)
        if step == 0:
            for i in range(len(columns)):
                line[i] = np.int32(np.uint16(here[i])) | (np.int32(below[i]) << np.int32(16))
        here, below = below, here


@compiled
def blur_pairs(image, light, rows, columns, left, step, lead, offsets, weights, codes, shift, padded, out):  # type: ignore[no-untyped-def]
    """``out[y, x] = codes[(sum over t of weights[t] . padded[y, x + offsets[t]]) >> shift]`` with a pair of samples in each word.

    With a ``lead`` the weights are differences along the row, and each sum is added to that of the pixel before: wherever the
    kernel is even, nothing is left to sum. Integers add up without drift.

    Args:
        image: (H, n) codes, rows of interleaved channels.
        light: (codes,) int16 light of each code.
        rows: Source row of each padded row, -1 for 0.
        columns: Source sample of each padded sample, -1 for 0.
        left: Padded samples before the picture's first.
        step: Samples between the two of a pair; those are ``channels`` apart, or one below the other where it is 0.
        lead: Sums taken before the picture's first, to start from 0, and the number of channels; (0, 0) without running sums.
        offsets: (T,) int64 positions of the taps relative to the output's place in the flat padded array.
        weights: (T,) int32, two int16 each.
        codes: Table of output codes.
        shift: Bits of the sum below the table's index.
        padded: (rows, stride) int32 to work in, a block longer than it is read.
        out: (H, n) codes.
    """
    height, width = out.shape
    before, channels = lead
    sums = np.empty(BLOCK, np.int32)
    carry = np.zeros((BAND, max(channels, 1)), np.int32)
    src, dst, stride = padded.ctypes.data, sums.ctypes.data, padded.shape[1]
    reach = len(rows) - height
    filled = 0
    for top in range(0, height, BAND):
        bottom = min(top + BAND, height)
        _pair_rows(image, light, rows, columns, left, step, filled, bottom + reach, padded)
        filled = bottom + reach
        carry[:] = 0
        for x in range(0, before + width, BLOCK):  # strips: what one strip of a band needs stays in the first-level cache
            first, count = max(before - x, 0), min(BLOCK, before + width - x)
            for y in range(top, bottom):
                _sum_pairs(src + 4 * (y * stride + x), offsets.ctypes.data, weights.ctypes.data, len(weights), dst)
                if channels > 0:
                    for i in range(channels):
                        sums[i] += carry[y - top, i]
                    for i in range(channels, BLOCK):
                        sums[i] += sums[i - channels]
                    carry[y - top] = sums[BLOCK - channels :]
                if first < count:
                    line = out[y, x + first - before : x + count - before]
                    for i in range(count - first):
                        line[i] = codes[sums[first + i] >> shift]


@compiled
def light_up(image, light, rows, columns, left, out):  # type: ignore[no-untyped-def]
    """Padded light as float32, for :func:`run_taps`; arguments as of :func:`blur_pairs`."""
    for r in range(len(rows)):
        _light_of_row(image, rows[r], light, columns, left, out[r, : len(columns)])


@compiled
def pad_up(values, rows, columns, left, out):  # type: ignore[no-untyped-def]
    """Padded (H, n) float32, for :func:`run_taps`; arguments as of :func:`blur_pairs`."""
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
    """``out[y, x] = sum over t of weights[t] * padded[y, x + offsets[t]]`` in float32; arguments as of :func:`blur_pairs`."""
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
