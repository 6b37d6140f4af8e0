"""python -m vggbench.cli: the command where no script of it is installed."""

import sys

from . import main

sys.exit(main())
