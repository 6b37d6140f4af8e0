"""The plainest training loop of VGG16 in PyTorch, as its user writes it by hand.

    python torch_step.py START.npz REPORT.json SAMPLES [compile]

It shares nothing with vggbench. START.npz holds images, labels and the initial weights in the order
of the layers, so that its losses can be held against those of others.
"""

import json
import sys
import time

started = time.perf_counter()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

start = np.load(sys.argv[1])
images = torch.from_numpy(start["images"].transpose(0, 3, 1, 2).copy())
labels = torch.from_numpy(start["labels"].argmax(axis=1))
weights = []
for i in range(32):
    value = start[f"weight_{i}"]
    if value.ndim == 4:
        value = value.transpose(3, 2, 0, 1)
    elif value.ndim == 2:
        value = value.T
    weights.append(torch.from_numpy(value.copy()).requires_grad_())
optimizer = torch.optim.SGD(weights, lr=0.001)


def batch_loss(x, labels):
    rest = iter(weights)
    for convolutions in (2, 2, 3, 3, 3):
        for _ in range(convolutions):
            x = F.relu(F.conv2d(x, next(rest), next(rest), padding=1), inplace=True)
        x = F.max_pool2d(x, 2)
    # The weights of the first dense layer are in the order row, column, channel.
    x = x.permute(0, 2, 3, 1).reshape(x.shape[0], -1)
    x = F.relu(F.linear(x, next(rest), next(rest)), inplace=True)
    x = F.relu(F.linear(x, next(rest), next(rest)), inplace=True)
    return F.cross_entropy(F.linear(x, next(rest), next(rest)), labels)


if sys.argv[4:] == ["compile"]:
    batch_loss = torch.compile(batch_loss, fullgraph=True)


def train_step():
    optimizer.zero_grad()
    loss = batch_loss(images, labels)
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
