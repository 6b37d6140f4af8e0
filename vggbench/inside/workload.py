"""What every builder computes: workloads, profiles and the constants of the step.

NumPy is not needed here, because code outside the releases' interpreters asks for profiles too.
"""

from collections import namedtuple

from vggbench.inside import vgg16
from vggbench.inside.devices import DEVICES

# Plain gradient descent: weight -= LEARNING_RATE * gradient. No momentum, no decay.
LEARNING_RATE = 0.001

# Batch normalisation divides by sqrt(variance + BN_EPSILON), with the variance over the N values of
# a channel (biased, N in the denominator). A step then moves each running average by (1 -
# BN_MOMENTUM) * (value of the batch - running average). The value for the running variance is the
# unbiased variance, which is the biased one times N / (N - 1). TensorFlow's fused kernel returns
# it, on the CPU and in cuDNN. Both numbers are Keras's defaults.
BN_EPSILON = 1e-3
BN_MOMENTUM = 0.99


class Workload(namedtuple("Workload", "batch_size image_size")):
    """How much one train step computes: batch_size images of image_size x image_size pixels.

    Raises ValueError for a batch smaller than 1 and for an image size that five halvings do not
    leave whole.
    """

    __slots__ = ()

    def __new__(cls, batch_size, image_size):
        if batch_size < 1:
            raise ValueError("batch size %r: it must be at least 1" % (batch_size,))
        if image_size < 1 or image_size % vgg16.IMAGE_SIZE_STEP:
            raise ValueError(
                "image size %r: it must be a multiple of %d, as VGG16 halves the image %d times"
                % (image_size, vgg16.IMAGE_SIZE_STEP, len(vgg16.BLOCKS))
            )
        return super().__new__(cls, batch_size, image_size)

    def __str__(self):
        return "%d x %d x %d" % (self.batch_size, self.image_size, self.image_size)


WORKLOADS = {"paper": Workload(16, 224), "quick": Workload(8, 64)}

Profile = namedtuple("Profile", "device workload")

PROFILES = {
    device + "-" + name: Profile(device, workload)
    for device in DEVICES
    for name, workload in WORKLOADS.items()
}


def profile(name):
    """Return the Profile (device, workload) of that name. Raises ValueError for an unknown name."""
    if name not in PROFILES:
        raise ValueError(
            "unknown profile %r: choose one of %s" % (name, ", ".join(sorted(PROFILES)))
        )
    return PROFILES[name]
