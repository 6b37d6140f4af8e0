"""The plainest training loop of VGG16 in Keras 1, as its user wrote it by hand.

    python keras_1.py START.npz REPORT.json SAMPLES theano|tensorflow

It shares nothing with vggbench. START.npz holds images, labels and the initial weights in the order
of the layers, so that its losses can be held against those of others. Each backend has the order of
an image's axes that its users gave it.
"""

import json
import os
import sys
import time

started = time.perf_counter()

os.environ["KERAS_BACKEND"] = sys.argv[4]

import numpy as np  # noqa: E402
from keras import backend  # noqa: E402

theano = sys.argv[4] == "theano"
backend.set_image_dim_ordering("th" if theano else "tf")

from keras.layers import Convolution2D, Dense, Flatten, MaxPooling2D  # noqa: E402
from keras.models import Sequential  # noqa: E402
from keras.optimizers import SGD  # noqa: E402

start = np.load(sys.argv[1])
images, labels = start["images"], start["labels"]
weights = [start[f"weight_{i}"] for i in range(32)]
if theano:
    images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    # Theano turns a kernel before it applies it; its features come channel by channel.
    weights = [w[::-1, ::-1].transpose(3, 2, 0, 1) if w.ndim == 4 else w for w in weights]
    size = images.shape[2] // 32
    fc6 = weights[26].reshape(size, size, 512, 4096).transpose(2, 0, 1, 3)
    weights[26] = fc6.reshape(-1, 4096)

model = Sequential()
shape = {"input_shape": images.shape[1:]}
for outputs, convolutions in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
    for _ in range(convolutions):
        model.add(Convolution2D(outputs, 3, 3, activation="relu", border_mode="same", **shape))
        shape = {}
    model.add(MaxPooling2D((2, 2)))
model.add(Flatten())
model.add(Dense(4096, activation="relu"))
model.add(Dense(4096, activation="relu"))
model.add(Dense(1000, activation="softmax"))
model.set_weights(weights)
model.compile(SGD(lr=0.001), "categorical_crossentropy")

losses = [float(model.train_on_batch(images, labels))]
first_step_s = time.perf_counter() - started
losses += [float(model.train_on_batch(images, labels)) for _ in range(2)]
samples = []
for _ in range(int(sys.argv[3])):
    before = time.perf_counter()
    model.train_on_batch(images, labels)
    samples.append(time.perf_counter() - before)
with open(sys.argv[2], "w") as file:
    json.dump({"first_step_s": first_step_s, "losses": losses, "samples": samples}, file)
