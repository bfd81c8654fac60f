"""The loops of the interpolation, compiled by numba: which pixels are seen, and the virtual frames summed where they arise."""

from typing import Any

import numpy as np

from blurdata.compiled import compiled

_NEAR = np.float32(0.25)  # px; two motions closer than this are one
_ONE = np.float32(1)
_HALF = np.float32(0.5)
_DARK = np.float32(1e-3)  # light beside which noise is large
_ALIKE = np.float32(1.5e-2)  # ends that are less unlike than this look the same, or might for all their grain


@compiled
def visible(forward: Any, backward: Any) -> Any:
    """(H, W) uint8: 1 where following ``forward`` and then ``backward`` comes back to within 0.5 px plus 5 % of the way."""
    height, width = forward.shape[:2]
    out = np.empty((height, width), np.uint8)
    for y in range(height):
        for x in range(width):
            u, v = forward[y, x, 0], forward[y, x, 1]
            p, q = _flow_at(backward, x + u, y + v)
            gap = (u + p) ** 2 + (v + q) ** 2
            limit = _HALF + np.float32(0.05) * np.sqrt(u * u + v * v)
            out[y, x] = gap <= limit * limit
    return out


@compiled
def _corner(x: Any, size: Any) -> Any:
    """The left one of the two neighbours of a place on one axis, and the share of the right one; the edge is held."""
    x = min(max(x, np.float32(0)), np.float32(size - 1))
    left = min(np.int32(x), np.int32(size - 2))
    return np.uint32(left), x - np.float32(left)


@compiled
def _flow_at(flow: Any, x: Any, y: Any) -> Any:
    """A two-channel field at (x, y), bilinear, edges held."""
    x0, fx = _corner(x, flow.shape[1])
    y0, fy = _corner(y, flow.shape[0])
    x1, y1 = x0 + np.uint32(1), y0 + np.uint32(1)
    a, b, c, d = (_ONE - fx) * (_ONE - fy), fx * (_ONE - fy), (_ONE - fx) * fy, fx * fy
    return (
        a * flow[y0, x0, 0] + b * flow[y0, x1, 0] + c * flow[y1, x0, 0] + d * flow[y1, x1, 0],
        a * flow[y0, x0, 1] + b * flow[y0, x1, 1] + c * flow[y1, x0, 1] + d * flow[y1, x1, 1],
    )


@compiled
def _way_at(way: Any, x: Any, y: Any, rest: Any) -> Any:
    """The way of the point at (x, y): up to a moment per share of the interval, and whole; ``rest`` is the share after that moment.

    ``way`` is (H, W, 4): the flow (u, v) and half the acceleration (p, q). The way at t is ``t u + (t^2 - t) p = t (u - (1 - t) p)``.
    """
    x0, fx = _corner(x, way.shape[1])
    y0, fy = _corner(y, way.shape[0])
    x1, y1 = x0 + np.uint32(1), y0 + np.uint32(1)
    a, b, c, d = (_ONE - fx) * (_ONE - fy), fx * (_ONE - fy), (_ONE - fx) * fy, fx * fy
    u = a * way[y0, x0, 0] + b * way[y0, x1, 0] + c * way[y1, x0, 0] + d * way[y1, x1, 0]
    v = a * way[y0, x0, 1] + b * way[y0, x1, 1] + c * way[y1, x0, 1] + d * way[y1, x1, 1]
    p = a * way[y0, x0, 2] + b * way[y0, x1, 2] + c * way[y1, x0, 2] + d * way[y1, x1, 2]
    q = a * way[y0, x0, 3] + b * way[y0, x1, 3] + c * way[y1, x0, 3] + d * way[y1, x1, 3]
    return u - rest * p, v - rest * q, u, v


@compiled
def _cubic(f: Any) -> Any:
    """The four weights of Catmull and Rom's cubic for a place ``f`` behind the second of four samples."""
    g = _ONE - f
    return (
        -_HALF * f * g * g,
        _ONE + f * f * (np.float32(1.5) * f - np.float32(2.5)),
        _ONE + g * g * (np.float32(1.5) * g - np.float32(2.5)),
        -_HALF * g * f * f,
    )


@compiled
def _cubic_at(image: Any, x: Any, y: Any) -> Any:
    """A three-channel picture at (x, y), cubic, edges held."""
    height, width = image.shape[:2]
    x0, fx = _corner(x, width)
    y0, fy = _corner(y, height)
    wx, wy = _cubic(fx), _cubic(fy)
    r, g, b = np.float32(0), np.float32(0), np.float32(0)
    left, up = np.int32(x0) - 1, np.int32(y0) - 1
    for j in range(4):
        row = np.uint32(min(max(up + j, 0), height - 1))
        r_row, g_row, b_row = np.float32(0), np.float32(0), np.float32(0)
        for i in range(4):
            column = np.uint32(min(max(left + i, 0), width - 1))
            r_row += wx[i] * image[row, column, 0]
            g_row += wx[i] * image[row, column, 1]
            b_row += wx[i] * image[row, column, 2]
        r, g, b = r + wy[j] * r_row, g + wy[j] * g_row, b + wy[j] * b_row
    return r, g, b


@compiled
def _linear_at(image: Any, x: Any, y: Any) -> Any:
    """A three-channel picture at (x, y), bilinear, edges held."""
    x0, fx = _corner(x, image.shape[1])
    y0, fy = _corner(y, image.shape[0])
    x1, y1 = x0 + np.uint32(1), y0 + np.uint32(1)
    a, b, c, d = (_ONE - fx) * (_ONE - fy), fx * (_ONE - fy), (_ONE - fx) * fy, fx * fy
    return (
        a * image[y0, x0, 0] + b * image[y0, x1, 0] + c * image[y1, x0, 0] + d * image[y1, x1, 0],
        a * image[y0, x0, 1] + b * image[y0, x1, 1] + c * image[y1, x0, 1] + d * image[y1, x1, 1],
        a * image[y0, x0, 2] + b * image[y0, x1, 2] + c * image[y1, x0, 2] + d * image[y1, x1, 2],
    )


@compiled
def _light_at(image: Any, x: Any, y: Any, cubic: Any) -> Any:
    """Bilinear sampling where ``cubic`` is None, else cubic; numba leaves the other branch out."""
    if cubic is None:
        return _linear_at(image, x, y)
    return _cubic_at(image, x, y)


@compiled
def _mark_at(mask: Any, x: Any, y: Any) -> Any:
    """The mark of the pixel nearest to (x, y), -1 outside the picture."""
    height, width = mask.shape
    if not (x >= -_HALF and y >= -_HALF):
        return np.int32(-1)
    column, row = np.int32(x + _HALF), np.int32(y + _HALF)
    if column >= width or row >= height:
        return np.int32(-1)
    return np.int32(mask[np.uint32(row), np.uint32(column)])


@compiled
def _unlike(a0: Any, a1: Any, a2: Any, b0: Any, b1: Any, b2: Any) -> Any:
    """How unlike the light of two ends looks: ``sum (a - b)^2 / (a + b)``, which goes about as the squares of differences of codes do."""
    return (a0 - b0) ** 2 / (a0 + b0 + _DARK) + (a1 - b1) ** 2 / (a1 + b1 + _DARK) + (a2 - b2) ** 2 / (a2 + b2 + _DARK)


@compiled
def unlike_ends(a: Any, low: Any, high: Any, flow: Any) -> Any:
    """(H, W) float32: how unlike each pixel of A looks all between ``low`` and ``high`` where ``flow`` leads, by :func:`_unlike`."""
    height, width = flow.shape[:2]
    out = np.empty((height, width), np.float32)
    for y in range(height):
        for x in range(width):
            px, py = np.float32(x) + flow[y, x, 0], np.float32(y) + flow[y, x, 1]
            l0, l1, l2 = _linear_at(low, px, py)
            h0, h1, h2 = _linear_at(high, px, py)
            a0, a1, a2 = a[y, x, 0], a[y, x, 1], a[y, x, 2]
            out[y, x] = _unlike(a0, a1, a2, min(max(a0, l0), h0), min(max(a1, l1), h1), min(max(a2, l2), h2))
    return out


@compiled
def _share_of_a(in_a: Any, in_b: Any, s: Any, unlike: Any) -> Any:
    """How much of a pixel comes from A: ``s``, or all or nothing where the two ends are marked differently and look it.

    A's pixel that B does not see is covered in B, so B's end shows something else; and the other way round. Where it shows the same all
    the same, as on a plain wall of which flow follows the grain, both ends count.
    """
    if in_a == in_b:
        return s
    alone = _ONE if in_a > in_b else np.float32(0)
    if in_a < 0 or in_b < 0:
        return alone
    return s + (alone - s) * unlike * unlike / (unlike * unlike + _ALIKE * _ALIKE)


@compiled
def _virtual(
    a: Any, b: Any, marks_a: Any, marks_b: Any, ax: Any, ay: Any, bx: Any, by: Any, cx: Any, cy: Any, dx: Any, dy: Any, s: Any, cubic: Any
) -> Any:
    """Light of the virtual frame at one pixel.

    Its ends are (ax, ay) in A and (bx, by) in B as found from A's side, (cx, cy) in A and (dx, dy) in B as found from B's. Where these
    are two motions each counts the less, the less alike its ends are. Both are written out: as a function of one it is a sixth slower.
    """
    a0, a1, a2 = _light_at(a, ax, ay, cubic)
    b0, b1, b2 = _light_at(b, bx, by, cubic)
    unlike = _unlike(a0, a1, a2, b0, b1, b2)
    w = _share_of_a(_mark_at(marks_a, ax, ay), _mark_at(marks_b, bx, by), s, unlike)
    m = _ONE - w
    if (ax - cx) ** 2 + (ay - cy) ** 2 + (bx - dx) ** 2 + (by - dy) ** 2 <= _NEAR * _NEAR:
        return _unit(w * a0 + m * b0), _unit(w * a1 + m * b1), _unit(w * a2 + m * b2)
    c0, c1, c2 = _light_at(a, cx, cy, cubic)
    d0, d1, d2 = _light_at(b, dx, dy, cubic)
    other = _unlike(c0, c1, c2, d0, d1, d2)
    rest = (_ALIKE + unlike) / (_ALIKE + unlike + _ALIKE + other)
    first = _ONE - rest
    v = rest * _share_of_a(_mark_at(marks_a, cx, cy), _mark_at(marks_b, dx, dy), s, other)
    n = rest - v
    w, m = first * w, first * m
    return _unit(w * a0 + m * b0 + v * c0 + n * d0), _unit(w * a1 + m * b1 + v * c1 + n * d1), _unit(w * a2 + m * b2 + v * c2 + n * d2)


@compiled
def _unit(value: Any) -> Any:
    """The value clipped to [0, 1]."""
    return min(max(value, np.float32(0)), _ONE)


@compiled
def _on_grid(value: Any, full: Any) -> Any:
    """A value in [0, 1] as a whole number up to ``full``."""
    return np.int64(np.float64(value) * full + 0.5)


@compiled
def _code_of(codes: Any, channel: Any, light: Any) -> Any:
    """Code value of light by a table over its square root, on which gamma curves are nearly straight."""
    last = codes.shape[1] - 1
    place = np.sqrt(np.float64(light)) * last
    i = np.uint32(min(np.int32(place), np.int32(last - 1)))
    low = codes[channel, i]
    return low + (place - np.float64(i)) * (codes[channel, i + np.uint32(1)] - low)


@compiled
def add_between(
    light_sum: Any, code_sum: Any, a: Any, b: Any, forward: Any, backward: Any, marks_a: Any, marks_b: Any,
    fades_a: Any, fades_b: Any, cubic: Any, steps: Any, weight: Any, full: Any, codes: Any, top: Any, bottom: Any,
) -> None:  # fmt: skip
    """Add the ``steps - 1`` virtual frames between A and B to the sums, rows ``top`` to ``bottom``.

    The motion at a pixel is that of the moment before, refined by two fixed-point iterations, so virtual frames of one gap share
    their work and their cache lines.

    Args:
        light_sum: (H, W, 3) integer sum of light, or an empty array.
        code_sum: (H, W, 3) integer sum of code values, or an empty array.
        a: (H, W, 3) float32 linear light of the frame before.
        b: The same of the frame after.
        forward: (H, W, 4) float32 flow from A to B and half the acceleration, px.
        backward: The same from B to A.
        marks_a: (H, W) int8 marks of A's pixels: 0 seen in B, more where not, -1 unfound; of two ends that with the higher mark is shown.
        marks_b: The same for B.
        fades_a: (H, W) float32 share of A's pixels that fades where it is.
        fades_b: The same for B.
        cubic: None samples bilinearly and refines the motion once a step, anything else cubically and three times.
        steps: Steps from A to B.
        weight: Weight of each virtual frame, uint64.
        full: The integer that is white, as float64.
        codes: (3, N + 1) float64 code value of light ``(i / N) ** 2``, [0, 1].
        top: First row.
        bottom: Row after the last.
    """
    rounds = 1 if cubic is None else 3
    for y in range(top, bottom):
        for x in range(a.shape[1]):
            px, py = np.float32(x), np.float32(y)
            u, v, fu, fv = forward[y, x, 0], forward[y, x, 1], forward[y, x, 0], forward[y, x, 1]
            p, q, bu, bv = backward[y, x, 0], backward[y, x, 1], backward[y, x, 0], backward[y, x, 1]
            for _ in range(4):
                p, q, bu, bv = _way_at(backward, px - p, py - q, np.float32(0))
            s0, s1, s2 = np.int64(0), np.int64(0), np.int64(0)
            c0, c1, c2 = np.int64(0), np.int64(0), np.int64(0)
            for k in range(1, steps):
                t = np.float32(k) / np.float32(steps)
                s = _ONE - t
                for _ in range(rounds):
                    u, v, fu, fv = _way_at(forward, px - t * u, py - t * v, s)
                    p, q, bu, bv = _way_at(backward, px - s * p, py - s * q, t)
                ax, ay, dx, dy = px - t * u, py - t * v, px - s * p, py - s * q
                l0, l1, l2 = _virtual(a, b, marks_a, marks_b, ax, ay, ax + fu, ay + fv, dx + bu, dy + bv, dx, dy, s, cubic)
                of_a, of_b = s * fades_a[y, x], t * fades_b[y, x]
                if of_a + of_b > 0:
                    rest = _ONE - of_a - of_b
                    l0 = rest * l0 + of_a * a[y, x, 0] + of_b * b[y, x, 0]
                    l1 = rest * l1 + of_a * a[y, x, 1] + of_b * b[y, x, 1]
                    l2 = rest * l2 + of_a * a[y, x, 2] + of_b * b[y, x, 2]
                s0, s1, s2 = s0 + _on_grid(l0, full), s1 + _on_grid(l1, full), s2 + _on_grid(l2, full)
                if code_sum.size:
                    c0 += _on_grid(_code_of(codes, 0, l0), full)
                    c1 += _on_grid(_code_of(codes, 1, l1), full)
                    c2 += _on_grid(_code_of(codes, 2, l2), full)
            if light_sum.size:
                light_sum[y, x, 0] += weight * np.uint64(s0)
                light_sum[y, x, 1] += weight * np.uint64(s1)
                light_sum[y, x, 2] += weight * np.uint64(s2)
            if code_sum.size:
                code_sum[y, x, 0] += weight * np.uint64(c0)
                code_sum[y, x, 1] += weight * np.uint64(c1)
                code_sum[y, x, 2] += weight * np.uint64(c2)
