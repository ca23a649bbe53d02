"""``python -m linflow``: the command line."""

import sys

from linflow.cli import main

sys.exit(main())
