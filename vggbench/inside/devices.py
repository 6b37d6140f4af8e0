"""The devices that a train step can run on."""

DEVICES = ("cpu", "gpu")


def check_device(device):
    """Raise ValueError for an unknown device. Every builder calls this first."""
    if device not in DEVICES:
        raise ValueError("unknown device %r: choose one of %s" % (device, ", ".join(DEVICES)))
