"""`python -m zwarm_tui`: the same as the command `zwarm-tui`."""

from __future__ import annotations

import sys

from zwarm_tui.cli import main

sys.exit(main())
