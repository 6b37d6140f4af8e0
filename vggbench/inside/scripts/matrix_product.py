"""Time products of large square float32 matrices: the rate that a train step is held against.

    python matrix_product.py FILE DEVICE

For the interpreter of a TensorFlow release; `vggbench peak` starts it. FILE gets one JSON object:
{"outcome": "ok", "products": [{"size": rows, "seconds": [of each product]}, ...], "versions":
{...}}, {"outcome": "n/a", "reason": ...} or {"outcome": "failed", "error": ...}.
"""

import json
import os
import sys
import time

# Rows of the matrices, smallest first. Small ones cost more to start than to multiply, above all on
# a GPU; which size is fast enough depends on the device.
SIZES = (1024, 2048, 4096, 8192, 16384)
SAMPLES = 5
# A size is left out, and all after it, where by the rate of the one before its products would take
# longer than this.
PATIENCE_S = 10.0


def main(arguments):
    """Run what the command line says; all but wrong words end with an outcome and status 0."""
    from vggbench.inside.builders import NotApplicable
    from vggbench.inside.launch import die_with_parent
    from vggbench.inside.measure import describe_error

    path, device = arguments
    die_with_parent()
    try:
        outcome = measure(device)
    except NotApplicable as reason:
        outcome = {"outcome": "n/a", "reason": str(reason)}
    except Exception as error:
        outcome = {"outcome": "failed", "error": describe_error(error)}
    with open(path, "w") as file:
        json.dump(outcome, file)


def measure(device):
    """Return the outcome of all sizes that are worth their time.

    Raises ValueError for an unknown device, NotApplicable where TensorFlow sees no GPU.
    """
    from vggbench.inside.builders import check_device, tensorflow

    check_device(device)
    tensorflow()
    from vggbench.inside.builders.tensorflow import network

    if device == "gpu" and not network.sees_a_gpu():
        raise network.no_gpu()
    products = []
    for size in SIZES:
        seconds = time_products(size, network.DEVICE_NAMES[device])
        products.append({"size": size, "seconds": seconds})
        # Twice the rows is eight times the work.
        if 8 * min(seconds) * (SAMPLES + 1) > PATIENCE_S:
            break
    return {"outcome": "ok", "products": products, "versions": network.facts()}


def time_products(size, device_name):
    """Return the seconds of each of SAMPLES products of two size x size matrices on the device.

    The graph of 1.x, which every 2.x can run too, so that one way serves all releases.
    """
    import tensorflow as tf

    v1 = tf if tf.__version__.startswith("1.") else tf.compat.v1
    config = v1.ConfigProto()
    if device_name.startswith("/cpu"):
        config.device_count["GPU"] = 0
    with tf.Graph().as_default() as graph, tf.device(device_name):
        # Variables, because a product of constants would be folded away.
        left, right = [v1.Variable(v1.random_uniform([size, size], -0.5, 0.5)) for _ in range(2)]
        # One element is fetched: that waits for the product, and copies next to nothing.
        element = tf.matmul(left, right)[0, 0]
        with v1.Session(graph=graph, config=config) as session:
            session.run([left.initializer, right.initializer])
            session.run(element)
            return [_seconds(session, element) for _ in range(SAMPLES)]


def _seconds(session, element):
    start = time.perf_counter()
    session.run(element)
    return time.perf_counter() - start


if __name__ == "__main__":
    # As in first_steps.py: of all that lies there, vggbench alone is imported.
    sys.path[0] = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3))
    import vggbench  # noqa: F401

    del sys.path[0]
    main(sys.argv[1:])
