"""`tools/gallery.py` draws every PSF and every transform."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image as PillowImage

from blurdata import psf
from blurdata import transforms as T
from blurdata.transforms.vision import BlurTransform


@pytest.fixture(scope="module")
def gallery() -> ModuleType:
    """The script as a module."""
    path = Path(__file__).parents[2] / "tools" / "gallery.py"
    spec = importlib.util.spec_from_file_location("gallery", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_is_missing(gallery: ModuleType) -> None:
    """Every PSF function and every transform has a picture."""
    calls = " ".join(call for _, call, _ in gallery.psfs())
    shown = {title for title, _, _, _ in gallery.transforms()}
    ours = {name for name in T.__all__ if issubclass(getattr(T, name), BlurTransform)}

    assert all(
        f"{name}(" in calls for name in psf.__all__ if not name.endswith("_path") or name == "from_path" if name != "circle_of_confusion"
    )
    assert ours <= shown


def test_the_sheet_is_small_enough_for_a_page(gallery: ModuleType, tmp_path: Path) -> None:
    """The sheet is one PNG of under 500 kB."""
    gallery.draw(tmp_path / "sheet.png")
    with PillowImage.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 1500
    assert (tmp_path / "sheet.png").stat().st_size < 500_000
