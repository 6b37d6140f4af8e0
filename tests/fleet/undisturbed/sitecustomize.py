"""For the workers that tests start, and for what they start: a machine that nobody else uses,
however many tests run.

CPython imports it at its start, as its folder is on PYTHONPATH, which no release's process gets.
"""

import os

from vggbench.runs import clocks

os.getloadavg = lambda: (0.0, 0.0, 0.0)
clocks.STAT = os.devnull
clocks.busy_share = lambda cpus, seconds: 0.0
