"""The plainest training loop of VGG16 in TensorFlow 2.x, as its user writes it by hand.

    python tensorflow_2.py START.npz REPORT.json SAMPLES [xla]

It shares nothing with vggbench. START.npz holds images, labels and the initial weights in the order
of the layers, so that its losses can be held against those of others.
"""

import json
import sys
import time

started = time.perf_counter()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

start = np.load(sys.argv[1])
images = tf.constant(start["images"])
labels = tf.constant(start["labels"])
weights = [tf.Variable(start[f"weight_{i}"]) for i in range(32)]


def forward(x):
    rest = iter(weights)
    for convolutions in (2, 2, 3, 3, 3):
        for _ in range(convolutions):
            x = tf.nn.conv2d(x, next(rest), strides=1, padding="SAME")
            x = tf.nn.relu(tf.nn.bias_add(x, next(rest)))
        x = tf.nn.max_pool2d(x, 2, 2, "VALID")
    x = tf.reshape(x, [x.shape[0], -1])
    x = tf.nn.relu(tf.matmul(x, next(rest)) + next(rest))
    x = tf.nn.relu(tf.matmul(x, next(rest)) + next(rest))
    return tf.matmul(x, next(rest)) + next(rest)


@tf.function(jit_compile=True if sys.argv[4:] == ["xla"] else None)
def train_step(images, labels):
    with tf.GradientTape() as tape:
        logits = forward(images)
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels, logits))
    gradients = tape.gradient(loss, weights)
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.assign_sub(0.001 * gradient)
    return loss


losses = [float(train_step(images, labels))]
first_step_s = time.perf_counter() - started
losses += [float(train_step(images, labels)) for _ in range(2)]
samples = []
for _ in range(int(sys.argv[3])):
    before = time.perf_counter()
    loss = float(train_step(images, labels))
    samples.append(time.perf_counter() - before)
with open(sys.argv[2], "w") as file:
    json.dump({"first_step_s": first_step_s, "losses": losses, "samples": samples}, file)
