"""Make the clip generator importable and its clips shareable between tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
