"""What every step starts from: the initial weights and the synthetic batch.

The numbers depend on nothing but a seed. NumPy's RandomState is frozen (NEP 19), so NumPy 1.11 and
2.x draw the same numbers. Each tensor has a generator of its own, so its numbers do not depend on
which other tensors exist.
"""

import math
import zlib

import numpy as np

from vggbench.inside import vgg16

SEED = 2017

# Random numbers are drawn as float64 and kept as float32. Drawing this many at a time keeps the
# float64 copy (512 KiB) in the cache, and out of the peak memory that a process reports.
_CHUNK = 1 << 16


def initial_weights(image_size, batch_norm, seed=SEED):
    """Yield (name, float32 array) of each trained tensor, then of each running average.

    Names, order and layout are those of vgg16.weight_shapes and vgg16.moving_average_shapes. This
    is a generator, so that a builder can hand over one tensor at a time: together they are 553 MB
    at 224 x 224. Kernels are drawn as in He et al., "Delving Deep into Rectifiers" (2015),
    arXiv:1502.01852, in the uniform variant (variance 2 / inputs of a unit). It is three times
    faster to draw than the normal variant. Biases, beta and running means are 0, gamma and running
    variances are 1.
    """
    shapes = vgg16.weight_shapes(image_size, batch_norm) + vgg16.moving_average_shapes(batch_norm)
    for name, shape in shapes:
        kind = name.split("/")[1]
        if kind == "kernel":
            inputs = 1
            for length in shape[:-1]:
                inputs *= length
            yield name, _uniform(shape, math.sqrt(6.0 / inputs), name, seed)
        elif kind in ("gamma", "moving_variance"):
            yield name, np.ones(shape, np.float32)
        else:
            yield name, np.zeros(shape, np.float32)


def batch(workload, seed=SEED):
    """Return (images, labels) of one synthetic batch.

    images: float32 (batch, row, column, channel), uniform in [-0.5, 0.5). labels: float32
    (batch, class), a single 1 in each row. Labels are one-hot because old releases cannot keep
    integers in the memory of a GPU.
    """
    shape = (workload.batch_size, workload.image_size, workload.image_size, vgg16.IMAGE_CHANNELS)
    images = _uniform(shape, 0.5, "images", seed)
    draws = _generator("labels", seed).random_sample(workload.batch_size)
    labels = np.zeros((workload.batch_size, vgg16.CLASSES), np.float32)
    labels[np.arange(workload.batch_size), (draws * vgg16.CLASSES).astype(int)] = 1
    return images, labels


def _generator(name, seed):
    return np.random.RandomState([seed, zlib.crc32(name.encode("ascii"))])


def _uniform(shape, limit, name, seed):
    """Return a float32 array of that shape, uniform between -limit and limit."""
    values = np.empty(shape, np.float32)
    flat = values.reshape(-1)
    generator = _generator(name, seed)
    for start in range(0, flat.size, _CHUNK):
        chunk = flat[start : start + _CHUNK]
        draws = generator.random_sample(chunk.size)
        draws -= 0.5
        draws *= 2 * limit
        chunk[:] = draws
    return values
