"""The vggbench command, as on a machine on which nobody else computes.

Tests run side by side, and duets wait for a quiet machine. TINY_OTHERS is the share of the
processors that others seem to use, 0 unless set.
"""

import os
import sys

from vggbench import cli
from vggbench.runs import clocks

if __name__ == "__main__":
    sys.argv[0] = "vggbench"
    # Nothing is told of the machine but this.
    clocks.STAT = os.devnull
    others = float(os.environ.get("TINY_OTHERS", "0"))
    clocks.busy_share = lambda cpus, seconds: others
    sys.exit(cli.main())
