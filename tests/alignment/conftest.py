"""The simulated rig, shared by the tests of alignment and by tools/bench/alignment.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
