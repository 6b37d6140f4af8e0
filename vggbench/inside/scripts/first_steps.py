"""Run the first train steps of one configuration and write their losses and tensors to a file.

    python first_steps.py FOLDER FRAMEWORK CONFIGURATION DEVICE

For the interpreter of a release; `vggbench verify` starts it. CONFIGURATION is JSON, the params of
the framework's benchmark by name. FOLDER gets `outcome.json` last:
{"outcome": "ok", "describe": {...}}, {"outcome": "n/a", "reason": ...} or {"outcome": "failed",
"error": ...}; with ok there is `steps.npz` too: "losses", the loss of each step, and "STEP/NAME",
each tensor after the steps that are looked at.
"""

import json
import os
import sys

# The smallest workload whose every layer has something to do.
BATCH_SIZE, IMAGE_SIZE = 2, 32
STEPS = 3
# Tensors are looked at after these steps: the first, before differences of rounding have grown, and
# the last, which shows that a step goes on from the weights of the step before.
STEPS_LOOKED_AT = (1, 3)


def main(arguments):
    """Run the command line. Every end but that by a wrong one writes an outcome, with status 0."""
    from vggbench.inside.builders import build
    from vggbench.inside.launch import die_with_parent
    from vggbench.inside.measure import describe_error
    from vggbench.inside.params import Configuration, NotApplicable
    from vggbench.inside.workload import Workload

    folder, framework, chosen, device = arguments
    configuration = Configuration(framework, **json.loads(chosen))
    die_with_parent()
    try:
        step = build(Workload(BATCH_SIZE, IMAGE_SIZE), configuration, device)
        for prepare in ("gate_updates", "compute_in_float32"):
            getattr(step, prepare, lambda: None)()
        save(os.path.join(folder, "steps.npz"), run(step))
        outcome = {"outcome": "ok", "describe": step.describe()}
    except NotApplicable as reason:
        outcome = {"outcome": "n/a", "reason": str(reason)}
    except Exception as error:
        outcome = {"outcome": "failed", "error": describe_error(error)}
    with open(os.path.join(folder, "outcome.json"), "w") as file:
        json.dump(outcome, file)


def run(step):
    """Return {"losses": list of floats, "STEP/NAME": array, ...} of STEPS calls of a train step."""
    taken = {"losses": []}
    for number in range(1, STEPS + 1):
        step()
        taken["losses"].append(step.loss())
        if number in STEPS_LOOKED_AT:
            for name, value in step.weights().items():
                taken["%d/%s" % (number, name)] = value
    return taken


def save(path, taken):
    """Write what run() returned to a file."""
    import numpy as np

    np.savez(path, **taken)


if __name__ == "__main__":
    # This script's folder would let its neighbours be imported as top-level modules. The folder
    # that holds vggbench would let anything beside vggbench be imported, so only vggbench is
    # imported while that folder is on the path.
    sys.path[0] = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3))
    import vggbench  # noqa: F401

    del sys.path[0]
    main(sys.argv[1:])
