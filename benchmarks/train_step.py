"""The train step of VGG16, one class a framework: a release runs the class of its own track."""

from vggbench.inside import benchmark


class TensorFlow(benchmark.TrainStep):
    """Raw TensorFlow: the graph API in 1.x, tf.function in 2.x."""

    param_names, params = benchmark.params_of("TensorFlow")


class Keras(benchmark.TrainStep):
    """Keras's train_on_batch on NumPy arrays: the copy to the device is part of what it costs."""

    param_names, params = benchmark.params_of("Keras")


class Theano(benchmark.TrainStep):
    """A compiled Theano function."""

    param_names, params = benchmark.params_of("Theano")


class PyTorch(benchmark.TrainStep):
    """Layers, loss and torch.optim.SGD, eager or compiled by torch.compile."""

    param_names, params = benchmark.params_of("PyTorch")


class JAX(benchmark.TrainStep):
    """A pure function from weights to new weights, compiled by jax.jit."""

    param_names, params = benchmark.params_of("JAX")
