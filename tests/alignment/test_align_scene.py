"""Pairs of the simulated rig come out where they belong, and bad ones are told."""

import alignment_rig as rig
import numpy as np
import pytest

from blurdata.alignment import AlignRecipe, align_pair, align_scene

SMALL = rig.Rig(size=(320, 280), shift_px=20, pair_shift_px=8, blur_px=(3, 14), lights=2)


@pytest.fixture(scope="module")
def scene():
    """A scene of two pairs and their static reference."""
    return rig.scene(2, 2, SMALL)


@pytest.fixture(scope="module")
def aligned(scene):
    """Its alignments."""
    return align_scene(scene.blurries, scene.sharps)


def test_pairs_are_found_to_a_fraction_of_a_pixel(scene, aligned):
    """The homography of each pair takes sharp corners to blurry ones within 0.15 px."""
    assert [a.status for a in aligned] == ["ok"] * 3

    errors = [rig.corner_error(a.homography, true, SMALL.size) for a, true in zip(aligned, scene.homographies, strict=True)]
    assert max(errors) < 0.15


def test_gain_and_offset_are_those_of_the_cameras(scene, aligned):
    """Gain comes within 1 % and offset within 1.5 codes on small pictures, in every channel."""
    for a in aligned:
        assert np.abs(a.gain / scene.gain - 1).max() < 0.01
        assert np.abs(a.offset - scene.offset).max() < 1.5


def test_pictures_are_cropped_to_what_both_saw(aligned):
    """Blurry, sharp and mask have one size, the mask is whole and static halves agree in brightness."""
    for a in aligned:
        assert a.blurry.shape == a.sharp.shape
        assert a.blurry.dtype == np.uint8
        assert a.mask.shape == a.blurry.shape[:2]
        assert a.mask.all()
    assert np.abs(aligned[0].blurry.mean((0, 1)) - aligned[0].sharp.mean((0, 1))).max() < 2


def test_a_knocked_rig_is_refused():
    """A rig turned by half a degree after the reference is told, with the residual as the reason."""
    angle = np.deg2rad(0.5)
    middle = rig.shift_matrix((140, 160))
    turn = middle @ np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]) @ np.linalg.inv(middle)
    knocked = rig.scene(1, 2, SMALL, knock=turn)

    a = align_scene(knocked.blurries, knocked.sharps)[1]

    assert "quadrants disagree" in a.status
    assert a.homography is None
    assert a.sharp is None
    assert a.quality.residual_px > 0.4


@pytest.mark.parametrize("fault", ["black", "unrelated", "size", "noise"])
def test_a_hopeless_pair_has_a_reason(scene, fault):
    """Black, unrelated, differently sized and pure-noise pictures are refused in words, not by an exception."""
    blurry, sharp = scene.blurries[1], scene.sharps[1]
    if fault == "black":
        blurry = np.zeros_like(blurry)
    elif fault == "unrelated":
        sharp = rig.scene(0, 1, SMALL).sharps[0]
    elif fault == "size":
        sharp = sharp[:-4]
    else:
        blurry = np.random.default_rng(0).integers(0, 256, blurry.shape, np.uint8)

    a = align_scene([scene.blurries[0], blurry], [scene.sharps[0], sharp])[1]

    assert a.status != "ok"
    assert len(a.status) > 20
    assert a.homography is None


def test_without_a_usable_reference_no_pair_is_aligned(scene):
    """If the reference shows nothing every pair of the scene says so."""
    black = np.zeros_like(scene.blurries[0])

    statuses = [a.status for a in align_scene([black, *scene.blurries[1:]], [black, *scene.sharps[1:]])]

    assert all("reference" in status for status in statuses[1:])
    assert "ok" not in statuses


def test_one_pair_alone_finds_its_own_homography(scene):
    """Without a reference, kernel and homography in turn come within half a pixel at the corners."""
    a = align_pair(scene.blurries[1], scene.sharps[1])

    assert a.status == "ok"
    assert rig.corner_error(a.homography, scene.homographies[1], SMALL.size) < 0.5


def test_a_reference_may_be_given_in_three_forms(scene, aligned):
    """An alignment, its pictures and its homography lead to the same pair within a tenth of a pixel."""
    forms = [aligned[0], (scene.blurries[0], scene.sharps[0]), aligned[0].homography]

    found = [align_pair(scene.blurries[1], scene.sharps[1], form) for form in forms]

    assert [a.status for a in found] == ["ok"] * 3
    assert max(rig.corner_error(a.homography, found[0].homography, SMALL.size) for a in found) < 0.1


def test_wrong_arguments_are_wrong_in_code(scene):
    """Grey pictures, unequal lists and a strange reference raise TypeError or ValueError."""
    with pytest.raises(TypeError, match=r"blurry must be an \(H, W, 3\)"):
        align_pair(scene.blurries[0][..., 0], scene.sharps[0])
    with pytest.raises(ValueError, match="as many sharp"):
        align_scene(scene.blurries, scene.sharps[1:])
    with pytest.raises(TypeError, match="reference must be"):
        align_pair(scene.blurries[0], scene.sharps[0], "first")


def test_stages_can_be_switched_off(scene):
    """Without trimming and light the pictures keep their size and gain is 1."""
    recipe = AlignRecipe(trim=False, photometric="none")

    a = align_pair(scene.blurries[0], scene.sharps[0], scene.homographies[0], recipe=recipe)

    assert a.blurry.shape == scene.blurries[0].shape
    assert not a.mask.all()
    assert a.gain.tolist() == [1, 1, 1]


def test_a_quadrant_that_shows_nothing_has_no_vote(monkeypatch):
    """Where a quarter of the scene is flat but for noise, three quadrants are reported and the pair is good."""
    drawn = rig.canvas

    def with_a_flat_quarter(name, kind, rng):
        light = drawn(name, kind, rng)
        light[: light.shape[0] // 2, light.shape[1] // 2 :] = 0.2
        return light

    monkeypatch.setattr(rig, "canvas", with_a_flat_quarter)
    flat = rig.scene(1, 2, rig.Rig(size=(320, 280), shift_px=8, angle_deg=0.3, pair_shift_px=4, blur_px=(3, 10), lights=0, noise=(3, 4)))

    for a in align_scene(flat.blurries, flat.sharps):
        assert a.status == "ok"
        assert len(a.quality.quadrants_px) == 3
        assert a.quality.residual_px < 0.1
