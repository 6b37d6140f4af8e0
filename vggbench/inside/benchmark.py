"""What the classes in benchmarks/ share.

This module does not lie in benchmarks/, because asv would take its class for a benchmark there.
"""

import os

from vggbench.inside import builders, measure, params, workload


def params_of(framework):
    """Return (names, values) of a framework's params, both tuples, as asv wants them."""
    choices = params.choices_of(framework)
    return tuple(choices), tuple(choices.values())


class TrainStep:
    """What asv measures of a train step. Each framework's benchmark is a subclass.

    A subclass has the name of its framework, and sets param_names and params to what params_of()
    returns.
    """

    version = measure.PROTOCOL
    timeout = measure.DEADLINE_S
    rounds = measure.ROUNDS
    repeat = measure.REPEAT
    number = 1
    warmup_time = 0  # measure.prepared has warmed up, by steps instead of seconds
    min_run_count = 1

    def setup(self, *values):
        chosen = dict(zip(self.param_names, values))
        configuration = params.Configuration(type(self).__name__, **chosen)

        def build():
            profile = workload.profile(os.environ["VGGBENCH_PROFILE"])
            return builders.build(profile.workload, configuration, profile.device)

        def profiler(step, folder):
            profile = workload.profile(os.environ["VGGBENCH_PROFILE"])
            return builders.profiler(configuration, profile.device)(step, folder)

        self.step = measure.prepared(build, chosen, profiler)

    def time_train_step(self, *values):
        self.step()

    def track_first_step(self, *values):
        return measure.by_product("track_first_step")

    def track_peak_memory(self, *values):
        return measure.by_product("track_peak_memory")

    def track_loss(self, *values):
        return measure.by_product("track_loss")

    def track_gpu_utilisation(self, *values):
        return measure.by_product("track_gpu_utilisation")

    def track_gpu_memory(self, *values):
        return measure.by_product("track_gpu_memory")

    track_first_step.unit = "s"
    track_peak_memory.unit = "bytes"
    track_loss.unit = "1"
    track_gpu_utilisation.unit = "%"
    track_gpu_memory.unit = "bytes"
