"""The outcomes of verdicts, the limits that messages and options name, and how a share is written.

This module imports nothing, so that a command line is parsed without SciPy.
"""

#: Surely slower, and estimated to be slower by the threshold or more.
REGRESSED = "regressed"
IMPROVED = "improved"
#: The outcomes of a sure change.
CHANGED = (REGRESSED, IMPROVED)

#: No change is suspected, and one of EXCLUDED thresholds is surely excluded.
UNCHANGED = "unchanged"
#: The outcomes that are sure.
SURE = (*CHANGED, UNCHANGED)
NOT_SURE = "not sure"

#: A smaller change is not relevant, however sure it is. It is a ratio less one.
THRESHOLD = 0.02

#: The change that "unchanged" excludes, in thresholds, as logarithms: 5.1 % at a threshold of 2 %.
#: Four processes a release can exclude as much at the noise of an ordinary machine.
EXCLUDED = 2.5

#: The confidence of the interval that is shown, for one comparison alone.
CONFIDENCE = 0.95

#: The processes of a comparison are taken so many at a time, A B B A.
BATCH = 4

#: A comparison is left unsure after so many interleaved processes, of both releases together.
MOST = 40

#: The processes of a block, which is two duets.
A_BLOCK = 4

#: A comparison of fewer blocks is not sure: two blocks that agree may do so by chance.
LEAST_BLOCKS = 3

#: A comparison is left unsure after so many blocks, until someone asks again.
MOST_BLOCKS = 20

#: The most processes that ``vggbench separate`` takes of each configuration, of both subjects
#: together.
SEPARATED = MOST_BLOCKS * A_BLOCK

#: The processes that ``vggbench calibrate`` takes of each configuration.
CALIBRATED = 20

#: The deviation of a block's number that is assumed of the step where too little is on record. It
#: is wide on purpose: 1.5 % was seen while a machine changed its speed.
ASSUMED = 0.025

#: The same of the first step and of the peak memory. A block has four values of them, and dozens of
#: the step. It is a little more than the widest of what ``perf/duets.py --report`` shows of blocks
#: of a release with itself: 7.7 %.
ASSUMED_OF_BY_PRODUCTS = 0.08

#: The end of a noise's origin, after its size, where the noise was assumed and not estimated.
ASSUMED_ENDING = "is assumed until more is on record"


def per_cent(share: float, digits: int = 0) -> str:
    """A share, or the size of a difference, in per cent with so many ``digits`` behind the point:
    5 %. A change with its sign is written by ``judging.phrases.percent``."""
    return f"{100 * share:.{digits}f} %"
