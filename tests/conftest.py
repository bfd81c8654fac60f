"""What tests of several folders share lies beside this file."""

import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # read when Hugging Face's packages are imported; without it they try for half a minute
sys.path.insert(0, str(Path(__file__).parent))
