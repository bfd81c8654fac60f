"""Small shards, shared by tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """An uninterrupted build."""
    from small_shards import SMALL, source_of

    from blurdata.shards import build

    build(source_of(), tmp_path / "golden", settings=SMALL)
    return tmp_path / "golden"
