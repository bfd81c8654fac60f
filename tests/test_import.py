"""Importing the package is quick and light."""

import os
import subprocess
import sys

import blurdata

LIGHT = [
    "blurdata",
    "blurdata.synthesis",
    "blurdata.alignment",
    "blurdata.datasets",
    "blurdata.shards",
    "blurdata.psf",
    "blurdata.convolution",
]


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ).stdout


def test_import_does_not_load_the_heavy_libraries():
    """`import blurdata` loads none of torch, h5py, cv2, numpy."""
    loaded = run("import sys, blurdata; print(' '.join(m for m in ('torch', 'h5py', 'cv2', 'numpy', 'pydantic') if m in sys.modules))")
    assert loaded.split() == []


def test_data_making_packages_do_not_load_torch():
    """Making, aligning and storing pairs works without torch."""
    for name in LIGHT:
        assert run(f"import sys, {name}; print('torch' in sys.modules)").strip() == "False", name


def test_import_takes_under_a_third_of_a_second():
    """The fastest of five fresh processes imports the package in 0.3 s."""
    code = "import time; t = time.perf_counter(); import blurdata; print(time.perf_counter() - t)"
    assert min(float(run(code)) for _ in range(5)) < 0.3


def test_every_public_name_can_be_had():
    """`__all__` is what there is."""
    assert {name for name in blurdata.__all__ if not hasattr(blurdata, name)} == set()
    assert set(dir(blurdata)) == set(blurdata.__all__)
