"""The plainest training loop of VGG16 in JAX, as its user writes it by hand.

    python jax_step.py START.npz REPORT.json SAMPLES

It shares nothing with vggbench. START.npz holds images, labels and the initial weights in the order
of the layers, so that its losses can be held against those of others.
"""

import functools
import json
import sys
import time

started = time.perf_counter()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

start = np.load(sys.argv[1])
images, labels = jnp.array(start["images"]), jnp.array(start["labels"])
weights = [jnp.array(start[f"weight_{i}"]) for i in range(32)]


def batch_loss(weights, x, labels):
    rest = iter(weights)
    for convolutions in (2, 2, 3, 3, 3):
        for _ in range(convolutions):
            x = jax.lax.conv_general_dilated(
                x, next(rest), (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            x = jax.nn.relu(x + next(rest))
        window = (1, 2, 2, 1)
        x = jax.lax.reduce_window(
            x,
            -jnp.inf,
            jax.lax.max,
            window_dimensions=window,
            window_strides=window,
            padding="VALID",
        )
    x = x.reshape(x.shape[0], -1)
    x = jax.nn.relu(x @ next(rest) + next(rest))
    x = jax.nn.relu(x @ next(rest) + next(rest))
    logits = x @ next(rest) + next(rest)
    return -(labels * jax.nn.log_softmax(logits)).sum(axis=1).mean()


@functools.partial(jax.jit, donate_argnums=0)
def update(weights, images, labels):
    loss, gradients = jax.value_and_grad(batch_loss)(weights, images, labels)
    return [w - 0.001 * g for w, g in zip(weights, gradients)], loss  # noqa: B905 (3.8 lacks it)


def train_step():
    global weights
    weights, loss = jax.block_until_ready(update(weights, images, labels))
    return float(loss)


losses = [train_step()]
first_step_s = time.perf_counter() - started
losses += [train_step() for _ in range(2)]
samples = []
for _ in range(int(sys.argv[3])):
    before = time.perf_counter()
    train_step()
    samples.append(time.perf_counter() - before)
with open(sys.argv[2], "w") as file:
    json.dump({"first_step_s": first_step_s, "losses": losses, "samples": samples}, file)
