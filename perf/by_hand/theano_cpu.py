"""The plainest training loop of VGG16 in Theano on the CPU, as its user wrote it by hand.

    python theano_cpu.py START.npz REPORT.json SAMPLES

It shares nothing with vggbench. START.npz holds images, labels and the initial weights in the order
of the layers, so that its losses can be held against those of others. Theano's user has images and
features channel first, kernels (out, in, row, column). filter_flip: the network correlates, as it
does in every other framework; turning the kernels in every step costs Theano about 2 %.
"""

import json
import sys
import time

started = time.perf_counter()

import numpy as np  # noqa: E402
import theano  # noqa: E402
import theano.tensor as T  # noqa: E402, N812
from theano.tensor.signal.pool import pool_2d  # noqa: E402

start = np.load(sys.argv[1])
images = theano.shared(np.ascontiguousarray(start["images"].transpose(0, 3, 1, 2)))
labels = theano.shared(start["labels"].argmax(axis=1).astype("int32"))
arrays = [start[f"weight_{i}"] for i in range(32)]
arrays[:26] = [a.transpose(3, 2, 0, 1) if a.ndim == 4 else a for a in arrays[:26]]
side = int((arrays[26].shape[0] // 512) ** 0.5)
fc6 = arrays[26].reshape(side, side, 512, 4096).transpose(2, 0, 1, 3)
arrays[26] = fc6.reshape(-1, 4096)
weights = [theano.shared(np.ascontiguousarray(a)) for a in arrays]


def forward(x):
    rest = iter(weights)
    for convolutions in (2, 2, 3, 3, 3):
        for _ in range(convolutions):
            x = T.nnet.conv2d(x, next(rest), border_mode="half", filter_flip=False)
            x = T.nnet.relu(x + next(rest).dimshuffle("x", 0, "x", "x"))
        x = pool_2d(x, (2, 2), ignore_border=True)
    x = x.flatten(2)
    x = T.nnet.relu(T.dot(x, next(rest)) + next(rest))
    x = T.nnet.relu(T.dot(x, next(rest)) + next(rest))
    return T.nnet.softmax(T.dot(x, next(rest)) + next(rest))


loss = T.nnet.categorical_crossentropy(forward(images), labels).mean()
gradients = T.grad(loss, weights)
updates = [
    (w, w - np.float32(0.001) * g)
    for w, g in zip(weights, gradients)  # noqa: B905 (CPython 3.6 has no strict)
]
train = theano.function([], loss, updates=updates)

losses = [float(train())]
first_step_s = time.perf_counter() - started
losses += [float(train()) for _ in range(2)]
samples = []
for _ in range(int(sys.argv[3])):
    before = time.perf_counter()
    train()
    samples.append(time.perf_counter() - before)
with open(sys.argv[2], "w") as file:
    json.dump({"first_step_s": first_step_s, "losses": losses, "samples": samples}, file)
