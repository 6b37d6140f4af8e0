"""The plainest training loop of VGG16 in Keras 2 and 3, as its user writes it by hand.

    python keras_2_and_3.py START.npz REPORT.json SAMPLES [BACKEND]

It shares nothing with vggbench. START.npz holds images, labels and the initial weights in the order
of the layers, so that its losses can be held against those of others.
"""

import json
import os
import sys
import time

started = time.perf_counter()

os.environ["KERAS_BACKEND"] = sys.argv[4] if len(sys.argv) > 4 else "tensorflow"

import numpy as np  # noqa: E402
from keras.layers import Conv2D, Dense, Flatten, MaxPooling2D  # noqa: E402
from keras.models import Sequential  # noqa: E402
from keras.optimizers import SGD  # noqa: E402

start = np.load(sys.argv[1])
images, labels = start["images"], start["labels"]

model = Sequential()
shape = {"input_shape": images.shape[1:]}
for outputs, convolutions in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
    for _ in range(convolutions):
        model.add(Conv2D(outputs, 3, activation="relu", padding="same", **shape))
        shape = {}
    model.add(MaxPooling2D(2))
model.add(Flatten())
model.add(Dense(4096, activation="relu"))
model.add(Dense(4096, activation="relu"))
model.add(Dense(1000, activation="softmax"))
model.set_weights([start[f"weight_{i}"] for i in range(32)])
model.compile(SGD(0.001), "categorical_crossentropy")

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
