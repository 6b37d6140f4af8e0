"""The plainest training loop of VGG16 in TensorFlow 1.x, as its user wrote it by hand.

    python tensorflow_1.py START.npz REPORT.json SAMPLES

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
images = tf.Variable(start["images"], trainable=False)
labels = tf.Variable(start["labels"], trainable=False)
weights = [tf.Variable(start[f"weight_{i}"]) for i in range(32)]


def forward(x):
    rest = iter(weights)
    for convolutions in (2, 2, 3, 3, 3):
        for _ in range(convolutions):
            x = tf.nn.conv2d(x, next(rest), strides=[1, 1, 1, 1], padding="SAME")
            x = tf.nn.relu(tf.nn.bias_add(x, next(rest)))
        x = tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "VALID")
    x = tf.reshape(x, [int(x.shape[0]), -1])
    x = tf.nn.relu(tf.matmul(x, next(rest)) + next(rest))
    x = tf.nn.relu(tf.matmul(x, next(rest)) + next(rest))
    return tf.matmul(x, next(rest)) + next(rest)


loss = tf.reduce_mean(
    tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=forward(images))
)
train = tf.train.GradientDescentOptimizer(0.001).minimize(loss)

with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    losses = [float(session.run([loss, train])[0])]
    first_step_s = time.perf_counter() - started
    losses += [float(session.run([loss, train])[0]) for _ in range(2)]
    samples = []
    for _ in range(int(sys.argv[3])):
        before = time.perf_counter()
        session.run([loss, train])
        samples.append(time.perf_counter() - before)
with open(sys.argv[2], "w") as file:
    json.dump({"first_step_s": first_step_s, "losses": losses, "samples": samples}, file)
