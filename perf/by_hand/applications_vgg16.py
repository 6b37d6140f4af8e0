"""keras.applications.VGG16 and its train_on_batch, as a user of Keras 3 has it.

    python applications_vgg16.py START.npz REPORT.json SAMPLES

START.npz holds images, labels and the initial weights in the order of the layers, so that its
losses can be held against those of others.
"""

import json
import os
import sys
import time

started = time.perf_counter()

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras  # noqa: E402
import numpy as np  # noqa: E402

start = np.load(sys.argv[1])
images, labels = start["images"], start["labels"]

model = keras.applications.VGG16(weights=None, input_shape=images.shape[1:], classes=1000)
model.set_weights([start[f"weight_{i}"] for i in range(32)])
model.compile(optimizer=keras.optimizers.SGD(0.001), loss="categorical_crossentropy")

losses = [float(model.train_on_batch(images, labels))]
first_step_s = time.perf_counter() - started
for _ in range(2):
    model.reset_metrics()  # in Keras 3.13 the loss returned is the mean of the calls since this
    losses.append(float(model.train_on_batch(images, labels)))
samples = []
for _ in range(int(sys.argv[3])):
    before = time.perf_counter()
    model.train_on_batch(images, labels)
    samples.append(time.perf_counter() - before)
with open(sys.argv[2], "w") as file:
    json.dump({"first_step_s": first_step_s, "losses": losses, "samples": samples}, file)
