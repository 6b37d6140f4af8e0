"""The train step of VGG16, one class a framework."""

import os

from vggbench import builders, measure


class TensorFlow:
    """Raw TensorFlow: the graph API in 1.x, tf.function in 2.x."""

    params = (builders.DATA_FORMATS, builders.BATCH_NORMS, builders.XLA_MODES)
    param_names = ("data_format", "batch_norm", "xla")

    version = measure.PROTOCOL
    timeout = measure.DEADLINE_S
    rounds = measure.ROUNDS
    repeat = measure.REPEAT
    number = 1
    warmup_time = 0  # measure.prepared has warmed up, by steps instead of seconds
    min_run_count = 1

    def setup(self, data_format, batch_norm, xla):
        configuration = builders.Configuration(data_format, batch_norm, xla)

        def build():
            from vggbench import workload  # needs NumPy, which asv's discovery can do without

            profile = workload.profile(os.environ["VGGBENCH_PROFILE"])
            return builders.build_tensorflow(profile.workload, configuration, profile.device)

        self.step = measure.prepared(build, configuration)

    def time_train_step(self, data_format, batch_norm, xla):
        self.step()

    def track_first_step(self, data_format, batch_norm, xla):
        return measure.by_product("track_first_step")

    def track_peak_memory(self, data_format, batch_norm, xla):
        return measure.by_product("track_peak_memory")

    def track_loss(self, data_format, batch_norm, xla):
        return measure.by_product("track_loss")

    track_first_step.unit = "s"
    track_peak_memory.unit = "bytes"
    track_loss.unit = "1"
