"""The train step in TensorFlow 2.x: a tf.function."""

import tensorflow as tf

from vggbench.inside import devices
from vggbench.inside.builders.tensorflow import network, xla
from vggbench.inside.synthetic import batch, initial_weights
from vggbench.inside.workload import BN_MOMENTUM, LEARNING_RATE


def build(workload, configuration, device):
    """Return the train step; weights and batch are on the device.

    Raises ValueError for an unknown device, NotApplicable where this release or this machine cannot
    do the configuration, and RuntimeError where this process has used TensorFlow on a GPU and now
    asks for the CPU.
    """
    devices.check_device(device)
    return _FunctionStep(workload, configuration, device)


class _FunctionStep:
    """A train step as vggbench.inside.builders describes it."""

    def __init__(self, workload, configuration, device):
        self._configuration = configuration
        self._device = device
        self._loss = float("nan")
        self._traced = False
        self._mode = xla.mode() if configuration.xla == "on" else xla.OFF
        self._xla = {"mode": self._mode.name}
        if device == "cpu":
            _config("set_visible_devices")([], "GPU")
        elif not network.sees_a_gpu():
            raise network.no_gpu()
        # With soft placement off, nothing leaves the device unnoticed.
        tf.config.set_soft_device_placement(False)
        images, labels = batch(workload)
        with tf.device(network.DEVICE_NAMES[device]):
            # The batch is held in variables: a constant would be open to constant folding.
            self._images = tf.Variable(
                network.to_data_format(images, configuration), trainable=False
            )
            self._labels = tf.Variable(labels, trainable=False)
            self._weights = {
                name: tf.Variable(value, trainable="/moving_" not in name, name=name)
                for name, value in initial_weights(
                    workload.image_size, configuration.has_batch_norm
                )
            }
        # Autograph would rewrite the Python of _trace, which has nothing in it to rewrite.
        self._step = tf.function(
            self._mode.compiled(self._trace), autograph=False, **self._mode.function_arguments
        )
        self._run = self._step if self._mode is xla.OFF else self._proven_run

    def _trace(self):
        """Build the graph of the step and return the loss, symbolic. TensorFlow calls this once."""
        if self._traced:
            raise AssertionError("TensorFlow %s traced the train step twice" % tf.__version__)
        self._traced = True
        trained = [v for v in self._weights.values() if v.trainable]
        with tf.device(network.DEVICE_NAMES[self._device]):
            with tf.GradientTape() as tape:
                loss, statistics = network.loss_and_statistics(
                    self._weights, self._images, self._labels, self._configuration
                )
            gradients = tape.gradient(loss, trained)
            # This is the kernel of gradient descent itself, as in 1.x. assign_sub would write
            # LEARNING_RATE * gradient to memory first.
            updates = [
                tf.raw_ops.ResourceApplyGradientDescent(
                    var=variable.handle, alpha=LEARNING_RATE, delta=gradient
                )
                for variable, gradient in zip(trained, gradients)
            ]
            for name, value in statistics.items():
                moving = self._weights[name]
                change = (moving - value) * (1 - BN_MOMENTUM)
                updates.append(moving.assign_sub(change, read_value=False))
            # The returned loss waits for every update, on a GPU too: control dependencies put the
            # updates before the loss on the device's single compute stream, and the copy of the
            # loss to the host waits for that stream.
            with tf.control_dependencies(updates):
                return tf.identity(loss)

    def __call__(self):
        try:
            self._loss = self._run().numpy()
        except Exception as error:
            answer = network.not_applicable(error, self._configuration, self._device)
            if answer is None:
                raise
            raise answer from error

    def _proven_run(self):
        """Run the first step, and prove by the graphs that ran that XLA compiled it."""
        loss, graphs = xla.graphs_run_by(self._step)
        if self._mode.function_arguments:
            device_name = network.DEVICE_NAMES[self._device]
            self._xla = xla.proven(
                self._mode, xla.prove_must_compile, graphs, self._step, device_name
            )
        else:
            self._xla = xla.proven(self._mode, xla.prove_one_launch, graphs)
        self._run = self._step
        return loss

    def compute_in_float32(self):
        network.compute_in_float32()

    def loss(self):
        return float(self._loss)

    def weights(self):
        return {name: variable.numpy() for name, variable in self._weights.items()}

    def describe(self):
        return dict(
            network.facts(),
            inter_op_threads=tf.config.threading.get_inter_op_parallelism_threads(),
            intra_op_threads=tf.config.threading.get_intra_op_parallelism_threads(),
            devices=[device.name for device in _config("list_logical_devices")()],
            xla=self._xla,
        )

    def close(self):
        self._step = self._run = self._weights = self._images = self._labels = None


def _config(name):
    """Return the function tf.config.<name>, which TensorFlow 2.0 has as experimental only."""
    return getattr(tf.config, name, None) or getattr(tf.config.experimental, name)
