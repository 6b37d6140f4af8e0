"""The train step in TensorFlow 1.x: a graph that a session runs."""

import contextlib
import functools

import tensorflow as tf

from vggbench.inside import devices
from vggbench.inside.builders.tensorflow import network, xla
from vggbench.inside.synthetic import batch, initial_weights
from vggbench.inside.workload import BN_MOMENTUM, LEARNING_RATE


def build(workload, configuration, device):
    """Return the train step; weights and batch are on the device.

    Raises ValueError for an unknown device, NotApplicable where this release or this machine cannot
    do the configuration.
    """
    devices.check_device(device)
    return _GraphStep(workload, configuration, device)


class _GraphStep:
    """A train step as vggbench.inside.builders describes it."""

    def __init__(self, workload, configuration, device):
        self._configuration = configuration
        self._device = device
        self._loss = float("nan")
        self._mode = xla.mode() if configuration.xla == "on" else xla.OFF
        self._xla = {"mode": self._mode.name}
        # Soft placement stays off, which is the default: nothing leaves the device unnoticed.
        self._config = tf.ConfigProto()
        if self._mode is not xla.OFF:
            xla.keep_operations(self._config)
        if device == "cpu":
            self._config.device_count["GPU"] = 0
            self._devices = [network.DEVICE_NAMES["cpu"]]
        else:
            self._devices = _gpus()
        with tf.Graph().as_default() as graph, tf.device(network.DEVICE_NAMES[device]):
            self._session = tf.Session(graph=graph, config=self._config)
            self._build(workload)

    def _build(self, workload):
        images, labels = batch(workload)
        images = self._variable(
            "images", network.to_data_format(images, self._configuration), False
        )
        labels = self._variable("labels", labels, False)
        self._weights = {
            name: self._variable(name, value, "/moving_" not in name)
            for name, value in initial_weights(
                workload.image_size, self._configuration.has_batch_norm
            )
        }
        self._step = self._mode.compiled(lambda: self._computation(images, labels))()
        self._run = functools.partial(self._session.run, self._step)
        if self._mode is not xla.OFF:
            self._run = self._proven_run

    def _computation(self, images, labels):
        """Build the graph of the step and return the loss, symbolic. It waits for every update."""
        loss, statistics = network.loss_and_statistics(
            self._weights, images, labels, self._configuration
        )
        # By default the optimizer computes all gradients of an operation before it applies one of
        # them, so no weight changes while the backward pass still reads it.
        updates = [tf.train.GradientDescentOptimizer(LEARNING_RATE).minimize(loss)]
        for name, value in statistics.items():
            moving = self._weights[name]
            updates.append(tf.assign_sub(moving, (moving - value) * (1 - BN_MOMENTUM)))
        # The fetched loss waits for every update, on a GPU too: control dependencies put the
        # updates before the loss on the device's single compute stream, and the copy of the loss to
        # the host waits for that stream.
        with tf.control_dependencies(updates):
            return tf.identity(loss)

    def _variable(self, name, value, trainable=True):
        """Return a variable that holds value, on the device.

        The batch is a variable too: a constant would be open to constant folding. Values are fed
        once, because constants in the graph would double the memory and end at 2 GB.
        """
        initial = tf.placeholder(tf.float32, value.shape)
        # XLA compiles resource variables only. Without XLA, variables are what 1.x makes them.
        kind = {} if self._mode is xla.OFF else {"use_resource": True}
        variable = tf.Variable(initial, trainable=trainable, name=name, **kind)
        self._session.run(variable.initializer, {initial: value})
        return variable

    def __call__(self):
        try:
            self._loss = self._run()
        except Exception as error:
            answer = network.not_applicable(error, self._configuration, self._device)
            if answer is None:
                raise
            raise answer from error

    @contextlib.contextmanager
    def traced(self, options, metadata):
        """A context in which the session runs with these RunOptions, and fills the RunMetadata."""
        run = self._run
        self._run = functools.partial(run, options=options, run_metadata=metadata)
        try:
            yield
        finally:
            self._run = run

    def _proven_run(self):
        """Run the first step, and prove by the graph that ran that XLA compiled it."""
        metadata = tf.RunMetadata()
        options = tf.RunOptions(output_partition_graphs=True)
        loss = self._session.run(self._step, options=options, run_metadata=metadata)
        self._xla = xla.proven(self._mode, xla.prove_one_launch, metadata.partition_graphs)
        self._run = functools.partial(self._session.run, self._step)
        return loss

    def loss(self):
        return float(self._loss)

    def weights(self):
        return self._session.run(self._weights)

    def describe(self):
        return dict(
            network.facts(),
            inter_op_threads=self._config.inter_op_parallelism_threads,
            intra_op_threads=self._config.intra_op_parallelism_threads,
            devices=self._devices,
            xla=self._xla,
        )

    def close(self):
        self._session.close()
        self._session = self._step = self._run = self._weights = None


def _gpus():
    """Return a list of the names of the GPUs that TensorFlow sees. Raises no_gpu() without any."""
    from tensorflow.python.client import device_lib

    gpus = [d.name for d in device_lib.list_local_devices() if d.device_type == "GPU"]
    if not gpus:
        raise network.no_gpu()
    return gpus
