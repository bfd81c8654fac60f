"""How are many warped pictures summed fast? Along a row the place that is read keeps its distance from the pixel for a while.

A camera that zooms or rolls a little moves neighbours alike, so a row falls into runs of pixels whose four source samples lie at
one offset: within a run nothing is looked up, and the loop over it becomes vector code.
"""

import math

import numpy as np

from blurdata.compiled import compiled, part

FLUSH = 32  # pictures summed in the type of the light before they are added in float64


@part
def _add_run(samples, ramp, upper, lower, channels, u, du, v, dv, sums, first, count):  # type: ignore[no-untyped-def]
    """``sums[first + t] +=`` the bilinear reading at ``u + du ramp[t]`` of the way to the right and ``v + dv ramp[t]`` of that down."""
    for t in range(np.uint64(count)):  # unsigned: no counting from the end
        right, down = u + du * ramp[t], v + dv * ramp[t]
        a, b = samples[upper + t], samples[lower + t]
        a += right * (samples[upper + channels + t] - a)
        b += right * (samples[lower + channels + t] - b)
        sums[first + t] += a + down * (b - a)


@part
def _run_end(end, start, slope, whole):  # type: ignore[no-untyped-def]
    """The first pixel before ``end`` where ``floor(start + slope * x)`` is no longer ``whole``."""
    if slope == 0:
        return end
    return min(end, math.ceil((whole + (1.0 if slope > 0 else 0.0) - start) / slope))


@compiled
def add_warps(samples, stride, channels, matrices, totals):  # type: ignore[no-untyped-def]
    """``totals[y, x, c] +=`` sum over the matrices of channel c read bilinearly at ``matrix @ (x, y, 1)``.

    Args:
        samples: Flat rows of interleaved light, padded so that every place that is read and its neighbours are there.
        stride: Samples of a padded row.
        channels: Samples a pixel.
        matrices: (N, 6) float64: rows of the (2, 3) matrices from a pixel x, y to a place x, y in the padded picture.
        totals: (H, W, channels) float64.
    """
    rows, columns = totals.shape[:2]
    real, end = samples.dtype.type, float(columns)
    sums, ramp = np.zeros(columns * channels, samples.dtype), np.empty(columns * channels, samples.dtype)
    for t in range(len(ramp)):
        ramp[t] = t // channels
    for y in range(rows):
        for m in range(len(matrices)):
            du, dv = matrices[m, 0] - 1, matrices[m, 3]
            u0, v0 = matrices[m, 1] * y + matrices[m, 2], matrices[m, 4] * y + matrices[m, 5]
            x = 0.0
            while x < end:
                u, v = u0 + du * x, v0 + dv * x
                i, j = np.floor(u), np.floor(v)
                stop = max(_run_end(_run_end(end, u0, du, i), v0, dv, j), x + 1)
                place = np.uint64(int(j) * stride + int(i + x) * channels)
                _add_run(
                    samples, ramp, place, place + np.uint64(stride), np.uint64(channels), real(u - i), real(du), real(v - j), real(dv),
                    sums, np.uint64(int(x) * channels), int(stop - x) * channels,
                )  # fmt: skip
                x = stop
            if m % FLUSH == FLUSH - 1 or m == len(matrices) - 1:
                for k in range(columns):
                    for c in range(channels):
                        totals[y, k, c] += sums[k * channels + c]
                sums[:] = 0
