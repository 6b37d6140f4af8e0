"""What verdicts are called, and the limits that messages and options tell.

Nothing is imported here, so that a command line is read without SciPy.
"""

#: Surely slower, and by the threshold or more as far as one can tell.
REGRESSED = "regressed"
IMPROVED = "improved"
#: The outcomes that are sure of a change.
CHANGED = (REGRESSED, IMPROVED)
#: Not suspected, and a change of EXCLUDED thresholds is surely excluded.
UNCHANGED = "unchanged"
NOT_SURE = "not sure"

#: A change by less is not relevant, however sure it is. As a ratio less one.
THRESHOLD = 0.02

#: What "unchanged" excludes, in thresholds: what four processes a release can exclude at the noise
#: of an ordinary machine.
EXCLUDED = 2.5

#: The confidence of the interval that is shown, of this comparison alone.
CONFIDENCE = 0.95

#: Processes of a comparison are taken A B B A.
BATCH = 4

#: Interleaved processes of both releases together after which a comparison is left unsure.
MOST = 40

#: Processes of a block: two duets.
A_BLOCK = 4

#: Blocks without which no comparison is called anything: two that agree may do so by chance.
LEAST_BLOCKS = 3

#: Blocks of a comparison after which it is left unsure until someone asks again.
MOST_BLOCKS = 20

#: Processes that ``vggbench separate`` takes of each configuration, of both subjects together, at
#: most.
SEPARATED = MOST_BLOCKS * A_BLOCK

#: Processes that ``vggbench calibrate`` takes of each configuration.
CALIBRATED = 20

#: How the origin of a noise ends that was not estimated, behind what the noise is.
ASSUMED_ENDING = "is assumed until more is on record"
