"""Response curves: the published formulas, round trips, tables."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blurdata.color import Curve, curve
from blurdata.errors import SourceError

CODES = np.linspace(0, 1, 1001)


def test_srgb_matches_scikit_image():
    """The sRGB decode agrees with an independent implementation."""
    from skimage.color import rgb2xyz

    grey = np.repeat(CODES[:, None], 3, axis=1)[None]
    luminance = rgb2xyz(grey)[0, :, 1]  # Y of a grey is its linear light
    np.testing.assert_allclose(curve("srgb").decode(CODES), luminance, atol=1e-6)


def test_gamma22_is_the_power():
    """gamma22 is v ** 2.2 exactly."""
    np.testing.assert_allclose(curve("gamma22").decode(CODES), CODES**2.2, rtol=1e-15)


@pytest.mark.parametrize("name", ["gamma22", "srgb", "linear"])
@pytest.mark.parametrize("values", [CODES, np.linspace(-0.5, 4, 200)])
def test_round_trip(name, values):
    """Encoding what was decoded gives the code back, HDR and negative values included."""
    c = curve(name)
    np.testing.assert_allclose(c.encode(c.decode(values)), values, atol=3e-5)  # the sRGB standard's two pieces meet to 1e-5 only


def test_sony_is_forward_only():
    """The a7R3 polynomial encodes, clipped to [0, 1], and refuses to decode."""
    sony = curve("sony_a7r3")
    assert not sony.invertible
    np.testing.assert_allclose(sony.encode(np.array([0.0, 0.05, 0.18, 0.5, 0.9, 1.0])), [0, 0.330, 0.710, 0.945, 0.983, 1], atol=1e-3)
    with pytest.raises(ValueError, match="forward-only"):
        sony.decode(CODES)


@pytest.mark.parametrize("columns", [1, 3])
def test_a_table_reproduces_the_curve_it_samples(tmp_path, columns):
    """A measured table with a row per code gives the same light at its codes, scaled so that full code is light 1."""
    rows = np.column_stack([5.0 * np.linspace(0, 1, 256) ** g for g in (2.2, 1.8, 2.6)[:columns]])
    np.savetxt(tmp_path / "c.csv", rows, delimiter=",")
    c = curve(tmp_path / "c.csv")

    np.testing.assert_allclose(c.light_of_codes(8), rows.T / 5, atol=1e-12)
    values = np.random.default_rng(0).random((50, columns))
    np.testing.assert_allclose(c.encode(c.decode(values)), values, atol=1e-9)
    assert c.channels == columns


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(1e-3, 1), min_size=2, max_size=40), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_any_rising_table_is_turned_round(tmp_path, steps, values):
    """Decoding and encoding by any table that rises give back what went in."""
    np.savetxt(tmp_path / "c.csv", np.concatenate([[0.0], np.cumsum(steps)]))
    c = curve(tmp_path / "c.csv")

    np.testing.assert_allclose(c.encode(c.decode(np.array(values))), values, atol=1e-9)


def test_a_table_continues_beyond_white(tmp_path):
    """Highlights above the table go on with its last slope."""
    np.savetxt(tmp_path / "c.csv", [0.0, 0.25, 1.0])
    assert curve(tmp_path / "c.csv").decode(np.array([1.5]))[0] == pytest.approx(1.75)


@pytest.mark.parametrize("text", ["", "a b\n", "1\n0\n", "0 1\n1 2\n", "0\nnan\n", "0\n0\n1\n", "0 0 0\n1 1\n"])
def test_a_bad_table_is_named(tmp_path, text):
    """Anything but strictly increasing numbers in one or three columns is refused with the file's name."""
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(SourceError, match=r"bad\.csv"):
        curve(tmp_path / "bad.csv")


@pytest.mark.parametrize("text", ["-0.01\n0.5\n1", "0 0 -1e-9\n1 1 1", "-3\n-2\n-1"])
def test_negative_light_is_refused(tmp_path, text):
    """A table whose light is negative at black, in any channel, is refused."""
    (tmp_path / "below.txt").write_text(text)
    with pytest.raises(SourceError, match=r"below\.txt: a curve's light is not negative, got -.* for code 0"):
        curve(tmp_path / "below.txt")


def test_unknown_names_list_the_known():
    """A typo in a curve's name lists what there is."""
    with pytest.raises(ValueError, match="gamma22, srgb, linear"):
        curve("gama")


def test_curves_pass_through():
    """A Curve object is accepted wherever a name is."""
    c = Curve("linear")
    assert curve(c) is c


@pytest.mark.parametrize("bits", [8, 16])
def test_light_of_codes_is_monotonic_from_0_to_1(bits):
    """Every code has its light, black is 0 and white is 1."""
    light = curve("srgb").light_of_codes(bits)
    assert light.shape == (1, 1 << bits)
    assert (np.diff(light) > 0).all()
    assert (light[0, 0], light[0, -1]) == (0.0, pytest.approx(1.0))


def test_a_table_is_a_short_regular_file(tmp_path):
    """Devices and gigabytes are refused before they are read."""
    with (tmp_path / "sparse.csv").open("wb") as stream:
        stream.truncate(3 << 30)
    for path, words in (("/dev/zero", "no regular file"), (tmp_path / "sparse.csv", "over 8388608 bytes")):
        with pytest.raises(SourceError, match=words):
            curve(path)
