"""A quick part of the fuzz suite; `python tools/bench/fuzz.py` runs the rest of it."""

import fuzz_files
import fuzz_text
import pytest
from hypothesis import HealthCheck, settings

PARTS = {**fuzz_text.PARTS, **fuzz_files.PARTS}
FEW = {"commands": 12, "films": 12, "shards": 20, "records": 25}
QUICK = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow warns of what it then refuses; the command line is silent about it
@pytest.mark.parametrize("name", PARTS)
def test_broken_input_is_answered_by_a_sentence(name, tmp_path, monkeypatch):
    """Whatever is broken, the answer is a result or a typed error with one sentence, and nothing is written outside its folder."""
    inside, cache = tmp_path / "in", tmp_path / "cache"
    inside.mkdir()
    monkeypatch.chdir(inside)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    case = PARTS[name](inside)

    settings(QUICK, max_examples=FEW.get(name, 60))(case)()

    assert {path.name for path in tmp_path.iterdir()} <= {"in", "cache"}
