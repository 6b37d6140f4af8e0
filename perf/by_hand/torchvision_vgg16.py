"""The layers of torchvision's VGG16, and the training loop of its user.

    python torchvision_vgg16.py START.npz REPORT.json SAMPLES

The modules are those of torchvision's models/vgg.py, without the dropout and without the pool that
brings every image to the classifier's 7 x 7, which would make another workload. START.npz holds
images, labels and the initial weights in the order of the layers, so that its losses can be held
against those of others.
"""

import json
import sys
import time

started = time.perf_counter()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

start = np.load(sys.argv[1])
images = torch.from_numpy(start["images"].transpose(0, 3, 1, 2).copy())
labels = torch.from_numpy(start["labels"].argmax(axis=1))
places = images.shape[2] // 32


class VGG(nn.Module):
    def __init__(self):
        super().__init__()
        layers, channels = [], 3
        for width, convolutions in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            for _ in range(convolutions):
                layers += [
                    nn.Conv2d(channels, width, kernel_size=3, padding=1),
                    nn.ReLU(inplace=True),
                ]
                channels = width
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(512 * places * places, 4096),
            nn.ReLU(True),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Linear(4096, 1000),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


model = VGG()
with torch.no_grad():
    for i, parameter in enumerate(model.parameters()):
        value = start[f"weight_{i}"]
        if value.ndim == 4:
            value = value.transpose(3, 2, 0, 1)
        elif value.ndim == 2:
            if value.shape[0] == 512 * places * places:
                # START has the features in the order row, column, channel.
                by_place = value.reshape(places, places, 512, -1)
                value = by_place.transpose(2, 0, 1, 3).reshape(value.shape)
            value = value.T
        parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.001)


def train_step():
    optimizer.zero_grad()
    loss = criterion(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


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
