"""The cases of the fuzz suite, shared by its tests and by tools/bench/fuzz.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
