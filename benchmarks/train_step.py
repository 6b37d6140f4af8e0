"""The train step of VGG16, one class a framework: a release runs the class of its own track."""

import os

from vggbench.inside import builders, measure


class _TrainStep:
    """What the classes share; asv passes over names that begin with an underscore."""

    version = measure.PROTOCOL
    timeout = measure.DEADLINE_S
    rounds = measure.ROUNDS
    repeat = measure.REPEAT
    number = 1
    warmup_time = 0  # measure.prepared has warmed up, by steps instead of seconds
    min_run_count = 1

    def setup(self, *words):
        chosen = dict(zip(self.param_names, words))
        configuration = builders.Configuration(type(self).__name__, **chosen)

        def build():
            from vggbench.inside import (
                workload,  # needs NumPy, which asv's discovery can do without
            )

            profile = workload.profile(os.environ["VGGBENCH_PROFILE"])
            return builders.build(profile.workload, configuration, profile.device)

        self.step = measure.prepared(build, chosen)

    def time_train_step(self, *words):
        self.step()

    def track_first_step(self, *words):
        return measure.by_product("track_first_step")

    def track_peak_memory(self, *words):
        return measure.by_product("track_peak_memory")

    def track_loss(self, *words):
        return measure.by_product("track_loss")

    def track_gpu_utilisation(self, *words):
        return measure.by_product("track_gpu_utilisation")

    def track_gpu_memory(self, *words):
        return measure.by_product("track_gpu_memory")

    track_first_step.unit = "s"
    track_peak_memory.unit = "bytes"
    track_loss.unit = "1"
    track_gpu_utilisation.unit = "%"
    track_gpu_memory.unit = "bytes"


class TensorFlow(_TrainStep):
    """Raw TensorFlow: the graph API in 1.x, tf.function in 2.x."""

    param_names = tuple(builders.PARAMS["TensorFlow"])
    params = tuple(builders.PARAMS["TensorFlow"].values())


class Keras(_TrainStep):
    """Keras's train_on_batch on NumPy arrays: the copy to the device is part of what it costs."""

    param_names = tuple(builders.PARAMS["Keras"])
    params = tuple(builders.PARAMS["Keras"].values())


class Theano(_TrainStep):
    """A compiled Theano function."""

    param_names = tuple(builders.PARAMS["Theano"])
    params = tuple(builders.PARAMS["Theano"].values())
