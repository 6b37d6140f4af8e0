"""main.py's command line: the options of 2017 and ours, and what is refused before any work."""

import argparse
import os
import re
from collections import namedtuple
from importlib.util import find_spec

from vggbench.inside import vgg16
from vggbench.inside.devices import DEVICES
from vggbench.inside.params import DATA_FORMATS, Configuration, choices_of

BATCH_SIZE, IMAGE_SIZE, N_TRIALS = 16, 224, 100

# The option that asks for each framework, in the order in which they are run.
FRAMEWORKS = {
    "Keras": "--run_keras",
    "TensorFlow": "--run_tensorflow",
    "Theano": "--run_theano",
    "PyTorch": "--run_torch",
    "JAX": "--run_jax",
}

ON_KERAS = tuple("Keras on " + backend for backend in choices_of("Keras")["backend"])
ALL_BUT_KERAS = tuple(name for name in FRAMEWORKS if name != "Keras")


def _lacked(why, *frameworks):
    return dict.fromkeys(frameworks, why)


# Each row is an option, and the frameworks that lack it with the reason. An option is refused where
# none of the frameworks that are asked for has it. Where some have it, the others run without it,
# and a note says this.
LACKING = (
    (
        "--use_XLA",
        {
            **_lacked("Theano has no XLA", "Keras on theano", "Theano"),
            **_lacked("PyTorch has a compiler of its own, --use_compile", "PyTorch"),
            **_lacked("XLA compiles all of its step in any case", "JAX"),
        },
    ),
    (
        "--use_compile",
        {
            **_lacked("it is PyTorch's", "TensorFlow", "Theano", "JAX"),
            **_lacked("Keras's own switch, on torch too, is --use_XLA", *ON_KERAS),
        },
    ),
    (
        "--use_fused",
        {
            **_lacked("Keras chooses the kernel of batch normalisation itself", *ON_KERAS),
            **_lacked("JAX has no fused batch normalisation", "JAX"),
        },
    ),
    ("--data_format NHWC", _lacked("Theano alone computes in NCHW", "Theano")),
    (
        "--keras_backend",
        _lacked("it is Keras's, and --run_keras is not given", *ALL_BUT_KERAS),
    ),
    (
        "--keras_bn_mode",
        _lacked("it is Keras's, and --run_keras is not given", *ALL_BUT_KERAS),
    ),
)


class Refused(Exception):
    """The command line asks for something that cannot be done; the message is one line."""


class TrialsRequest(
    namedtuple("TrialsRequest", "configurations device batch_size image_size n_trials json notes")
):
    """What a command line asks for.

    configurations: a list of Configuration. device: "cpu", "gpu", or None for the GPU where there
    is one and else the CPU. batch_size, image_size, n_trials: numbers. json: a path or None. notes:
    a list of messages about options that some of the frameworks lack.
    """

    __slots__ = ()


class _Once(argparse.Action):
    """Store an option, and refuse it the second time. argparse would silently take the last."""

    def __call__(self, parser, namespace, values, option_string=None):
        given = namespace.__dict__.setdefault("given", {})
        if option_string in given:
            parser.error("%s is given twice" % option_string)
        given[option_string] = values
        setattr(namespace, self.dest, True if self.nargs == 0 else values)


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Refused(" ".join(message.split()) + "; main.py --help shows all options")


def parse(arguments):
    """Return the TrialsRequest of a command line. Raises Refused; --help ends with 0."""
    parser = _parser()
    options = parser.parse_args(arguments)
    given = getattr(options, "given", {})
    frameworks = [name for name, option in FRAMEWORKS.items() if option in given]
    if not frameworks:
        raise Refused("nothing to run: give one or more of %s" % ", ".join(FRAMEWORKS.values()))
    for option in ("--use_fused", "--keras_bn_mode"):
        if option in given and not options.use_bn:
            raise Refused("%s says which batch normalisation: give --use_bn with it" % option)
    if options.image_size % vgg16.IMAGE_SIZE_STEP:
        raise Refused(
            "--image_size %d: it must be a multiple of %d, as VGG16 halves the image %d times"
            % (options.image_size, vgg16.IMAGE_SIZE_STEP, len(vgg16.BLOCKS))
        )
    if "Keras" in frameworks and options.keras_backend is None:
        options.keras_backend = own_keras_backend()
    names = [
        "Keras on " + options.keras_backend if name == "Keras" else name for name in frameworks
    ]
    return TrialsRequest(
        configurations=[_configuration(name, options) for name in frameworks],
        device=options.device,
        batch_size=options.batch_size,
        image_size=options.image_size,
        n_trials=options.n_trials,
        json=options.json,
        notes=_notes(given, names),
    )


def _notes(given, names):
    """Return the notes about options that some of the frameworks lack.

    given: a dict of the options of the command line to their values. names: the frameworks that are
    asked for, as LACKING names them. Raises Refused for an option that none of them has.
    """
    notes = []
    for option_and_value, lacking in LACKING:
        option = option_and_value.split()[0]
        with_value = "%s %s" % (option, given.get(option))
        if option not in given or option_and_value not in (option, with_value):
            continue
        without = [name for name in names if name in lacking]
        if without == names:
            whys = "; ".join(dict.fromkeys(lacking[name] for name in without))
            raise Refused("%s cannot be: %s" % (option_and_value, whys))
        if option.startswith("--keras"):
            continue
        for why in dict.fromkeys(lacking[name] for name in without):
            lack_it = ", ".join(name for name in without if lacking[name] == why)
            notes.append("%s is not for %s: %s" % (option_and_value, lack_it, why))
    return notes


def _configuration(framework, options):
    """Return the Configuration of a framework that the options ask for."""
    kernel = "fused" if options.use_fused else "unfused"
    if framework == "Keras":
        # Each backend's own order of axes.
        own_order = "NCHW" if options.keras_backend in ("theano", "torch") else "NHWC"
        chosen = {
            "backend": options.keras_backend,
            "data_format": options.data_format or own_order,
            "batch_norm": "mode %s" % (options.keras_bn_mode or 0) if options.use_bn else "none",
            "xla": "on" if options.use_XLA and options.keras_backend != "theano" else "off",
        }
    elif framework == "TensorFlow":
        chosen = {
            "data_format": options.data_format or "NHWC",
            "batch_norm": kernel if options.use_bn else "none",
            "xla": "on" if options.use_XLA else "off",
        }
    elif framework == "PyTorch":
        chosen = {
            "data_format": options.data_format or "NCHW",
            "batch_norm": kernel if options.use_bn else "none",
            "compile": "on" if options.use_compile else "off",
        }
    elif framework == "JAX":
        chosen = {
            "data_format": options.data_format or "NHWC",
            "batch_norm": "unfused" if options.use_bn else "none",
        }
    elif framework == "Theano":
        chosen = {"batch_norm": kernel if options.use_bn else "none"}
    return Configuration(framework, **chosen)


def own_keras_backend():
    """Return the backend that Keras takes by itself.

    It is KERAS_BACKEND, or the default of the Keras in this interpreter, which is not imported for
    that. The user's keras.json has no say. Raises Refused for a backend that is not measured.
    """
    backend = os.environ.get("KERAS_BACKEND")
    if backend:
        measured = choices_of("Keras")["backend"]
        if backend not in measured:
            raise Refused(
                "KERAS_BACKEND is %r: Keras is measured on %s; choose with --keras_backend"
                % (backend, ", ".join(measured))
            )
        return backend
    spec = find_spec("keras")
    if spec is None or not spec.origin:
        return "tensorflow"
    with open(spec.origin, encoding="utf-8", errors="replace") as file:
        # Keras 1.1.0 changed the default.
        return "theano" if re.search(r"^__version__ = .1\.0\.", file.read(), re.M) else "tensorflow"


def _count(text):
    if not re.match(r"[0-9]+\Z", text) or int(text) < 1:
        raise argparse.ArgumentTypeError("%r: it must be a whole number of at least 1" % text)
    return int(text)


def _parser():
    parser = _Parser(
        prog="main.py",
        description="Time VGG16's training step in the frameworks of this interpreter: one untimed "
        "warm-up step, then one clock around all trials.",
        epilog="An option holds for every framework that is asked for and has it; "
        "docs/command-line.md has the details.",
        allow_abbrev=False,
    )

    def flag(name, meaning):
        parser.add_argument(name, action=_Once, nargs=0, default=False, help=meaning)

    def option(name, meaning, **more):
        parser.add_argument(name, action=_Once, help=meaning, **more)

    flag("--run_keras", "run the Keras benchmark")
    option(
        "--keras_backend",
        "what Keras computes with (default: Keras's own)",
        choices=sorted(choices_of("Keras")["backend"], reverse=True),
    )
    flag("--run_tensorflow", "run the pure TensorFlow benchmark")
    flag("--run_theano", "run the pure Theano benchmark")
    flag("--run_torch", "run the PyTorch benchmark")
    flag("--run_jax", "run the JAX benchmark")
    option("--batch_size", "batch size (default: %(default)s)", type=_count, default=BATCH_SIZE)
    option(
        "--n_trials",
        "number of full iterations: forward, backward, update (default: %(default)s)",
        type=_count,
        default=N_TRIALS,
    )
    flag("--use_XLA", "use the XLA compiler; on Keras: jit_compile=True")
    flag("--use_compile", "use torch.compile")
    option(
        "--data_format",
        "order of an image's axes (default: NHWC; on Theano and PyTorch NCHW)",
        choices=DATA_FORMATS,
    )
    flag("--use_bn", "use batch normalisation")
    flag("--use_fused", "use fused batch normalisation")
    option("--device", "default: gpu where one is visible, else cpu", choices=DEVICES)
    option(
        "--image_size",
        "rows and columns of an image (default: %(default)s)",
        type=_count,
        default=IMAGE_SIZE,
    )
    option(
        "--keras_bn_mode",
        "0: with running averages, 2: without (default: 0)",
        choices=("0", "2"),
    )
    option("--json", "write all results to this file, at the end and whole", metavar="FILE")
    return parser
