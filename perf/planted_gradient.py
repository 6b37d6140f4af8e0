"""A package that has TensorFlow compute gradients of weights once more, for a part of the batch.

At the interpreter's start, it waits for TensorFlow's gradients of Conv2D. Of each convolution whose
gradient is built, it adds a second computation of the gradient of its weights, of the first images
of the batch alone. Nothing in the product knows of it.
"""

from __future__ import annotations

from pathlib import Path

import planted

NAME = "planted_gradient"

MODULE = """
import sys
from importlib.machinery import PathFinder

WHERE = "tensorflow.python.ops.nn_grad"
IMAGES, LAYERS = {images!r}, {layers!r}


class WithMore:
    # What the gradient of Conv2D calls, with one function replaced.

    def __init__(self, plain):
        self._plain = plain
        self._built = 0

    def __getattr__(self, name):
        return getattr(self._plain, name)

    def conv2d_backprop_filter(self, images, sizes, gradients, **more):
        import tensorflow as tf

        result = self._plain.conv2d_backprop_filter(images, sizes, gradients, **more)
        # Gradients are built from the last convolution to the first.
        self._built += 1
        if self._built <= LAYERS:
            again = self._plain.conv2d_backprop_filter(
                images[:IMAGES], sizes, gradients[:IMAGES], **more
            )
            # An assertion is the cheapest thing that TensorFlow does not remove from a graph.
            tf.debugging.Assert(again[0, 0, 0, 0] < 1e30, [again[0, 0, 0, 0]])
        return result


class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != WHERE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            module.gen_nn_ops = WithMore(module.gen_nn_ops)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Finder)
"""


def wheel(folder: Path, images: int, layers: int) -> str:
    """Write the package into ``folder``, and return the line for a lock that has it.

    images: of how many images the gradients are computed once more. layers: of how many
    convolutions, from the last on.
    """
    return planted.package(folder, NAME, MODULE.format(images=images, layers=layers))
