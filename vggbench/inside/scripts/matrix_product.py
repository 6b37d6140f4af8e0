"""Time products of large square float32 matrices: the rate that a train step is compared with.

    python matrix_product.py FILE DEVICE FRAMEWORK

For the interpreter of a release of FRAMEWORK; `vggbench peak` starts it. FILE gets one JSON object:
{"outcome": "ok", "products": [{"size": rows, "seconds": [of each product]}, ...], "versions":
{...}}, {"outcome": "n/a", "reason": ...} or {"outcome": "failed", "error": ...}.
"""

import json
import os
import sys

# Rows of the matrices, smallest first. Small matrices cost more to start than to multiply, above
# all on a GPU. Which size is fast enough depends on the device.
SIZES = (1024, 2048, 4096, 8192, 16384)
# A size, and each larger one, is left out where its products would take longer than these seconds,
# at the rate of the size before.
PATIENCE_S = 10.0


def main(arguments):
    """Run the command line. Every end but that by a wrong one writes an outcome, with status 0."""
    from vggbench.inside.launch import die_with_parent
    from vggbench.inside.measure import describe_error
    from vggbench.inside.params import NotApplicable

    path, device, framework = arguments
    die_with_parent()
    try:
        outcome = measure(device, framework)
    except NotApplicable as reason:
        outcome = {"outcome": "n/a", "reason": str(reason)}
    except Exception as error:
        outcome = {"outcome": "failed", "error": describe_error(error)}
    with open(path, "w") as file:
        json.dump(outcome, file)


def measure(device, framework):
    """Return the outcome of all sizes that are worth their time.

    Raises ValueError for an unknown device, NotApplicable where the framework sees no such device.
    """
    from vggbench.inside.builders import packages
    from vggbench.inside.devices import check_device

    check_device(device)
    matrices = packages()[framework].matrix_products(device)
    products = []
    for size in SIZES:
        seconds = matrices.seconds(size, device)
        products.append({"size": size, "seconds": seconds})
        # Twice the rows is eight times the work, and one product more warms up.
        if 8 * min(seconds) * (len(seconds) + 1) > PATIENCE_S:
            break
    return {"outcome": "ok", "products": products, "versions": matrices.facts()}


if __name__ == "__main__":
    # As in first_steps.py, only vggbench is imported from the folder that holds it.
    sys.path[0] = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3))
    import vggbench  # noqa: F401

    del sys.path[0]
    main(sys.argv[1:])
