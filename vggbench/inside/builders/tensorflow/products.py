"""Products of large matrices in TensorFlow, for the machine's peak."""

import time

import tensorflow as tf

from vggbench.inside.builders.tensorflow import network

SAMPLES = 5

facts = network.facts


def seconds(size, device):
    """Return the seconds of each of SAMPLES products of two size x size matrices on the device.

    The products run in a graph of 1.x. Every 2.x can run that too, so one way serves all releases.
    """
    v1 = tf if tf.__version__.startswith("1.") else tf.compat.v1
    config = v1.ConfigProto()
    if device == "cpu":
        config.device_count["GPU"] = 0
    with tf.Graph().as_default() as graph, tf.device(network.DEVICE_NAMES[device]):
        # The matrices are variables, because a product of constants would be folded away.
        left, right = [v1.Variable(v1.random_uniform([size, size], -0.5, 0.5)) for _ in range(2)]
        # Only one element is fetched, which waits for the product and copies next to nothing.
        element = tf.matmul(left, right)[0, 0]
        with v1.Session(graph=graph, config=config) as session:
            session.run([left.initializer, right.initializer])
            session.run(element)
            return [_seconds(session, element) for _ in range(SAMPLES)]


def _seconds(session, element):
    start = time.perf_counter()
    session.run(element)
    return time.perf_counter() - start
