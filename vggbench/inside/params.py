"""What can be chosen of a framework: its params, and one combination of their values.

Each framework's params stand in its own package in vggbench.inside.builders. Code outside that
package asks for a param by its role, never by its name. NumPy is not needed here, because asv reads
the benchmarks with the standard library alone.
"""

import itertools
from collections import namedtuple

from vggbench.inside import builders

# The roles of params: the order of an image's axes, batch normalisation, whether the step is
# compiled as a whole, and the other package that computes the step for a framework.
LAYOUT = "layout"
NORMALISATION = "normalisation"
COMPILER = "compiler"
BACKEND = "backend"

# The order of an image's axes as most frameworks name it: N images, C channels, H rows, W columns.
DATA_FORMATS = ("NHWC", "NCHW")


class NotApplicable(Exception):
    """The release or the device cannot do this configuration. The message is a one-line reason."""


class MachineLacks(NotApplicable):
    """The configuration needs something that this machine lacks, or has switched off.

    This says nothing about the release. what: the name of what is lacking, such as "a C++
    compiler".
    """

    def __init__(self, reason, what):
        super().__init__(reason)
        self.what = what


class Param(namedtuple("Param", "name values role title shown without_averages")):
    """One choice that a framework has.

    name: an identifier, as asv and the records have it. values: a tuple of what can be chosen. The
    first value is the default; where the role is NORMALISATION or COMPILER, it means that nothing
    is normalised or compiled. role: one of the four roles above, None for any other. title: the
    name that people read. shown: a dict of values to the texts that people read instead.
    without_averages: the values of a normalisation that keep no running averages.
    """

    __slots__ = ()

    def __new__(cls, name, values=(), role=None, *, title=None, shown=None, without_averages=()):
        return super().__new__(
            cls,
            name,
            values,
            role,
            title=title or name.replace("_", " ").capitalize(),
            shown=shown or {},
            without_averages=without_averages,
        )

    def readable(self, value):
        """Return the value as people read it."""
        return self.shown.get(value, value)


def of(framework):
    """Return the Params of a framework, a tuple in asv's order; empty where it has no builder."""
    package = builders.packages().get(framework)
    return () if package is None else package.PARAMS


def choices_of(framework):
    """Return a framework's params, a dict of their names to their values, in asv's order."""
    return {param.name: param.values for param in of(framework)}


def named(framework, names):
    """Return a list of the Param of each name. An unknown name gets one without values or role."""
    known = {param.name: param for param in of(framework)}
    return [known.get(name) or Param(name) for name in names]


def readable(framework, names, words):
    """Return a configuration as people read it, from its words and the names of their params."""
    pairs = zip(named(framework, names), words)
    return ", ".join(param.readable(word) for param, word in pairs)


def is_chosen(framework, chosen, role):
    """Return whether a configuration has another value than the default in a param of this role.

    chosen: a dict of params' names to values. A param that the dict lacks is at its default.
    """
    return any(
        param.role == role and chosen.get(param.name, param.values[0]) != param.values[0]
        for param in of(framework)
    )


def backends_of(framework):
    """Return a tuple of the backends that a framework can compute with; empty where it has none."""
    return next((param.values for param in of(framework) if param.role == BACKEND), ())


def value_of(framework, chosen, role):
    """Return a configuration's value of the param that has this role, None where no param has it.

    chosen: a dict of params' names to values.
    """
    for param in of(framework):
        if param.role == role:
            return chosen.get(param.name)
    return None


class Configuration(namedtuple("Configuration", "framework words")):
    """How a train step is computed: a framework, and one combination of its params' values.

    framework: a key of builders.packages(). words: a tuple of the values, in asv's order. The
    constructor takes values by the names of their params. A param that is not given is at its
    default. A builder reads its own params by their names, as in `configuration.data_format`.
    Raises ValueError for an unknown value, and for a param that the framework does not have.
    """

    __slots__ = ()

    def __new__(cls, framework, **chosen):
        _require("framework", framework, builders.packages())
        params = {param.name: param for param in of(framework)}
        for name, value in chosen.items():
            if name not in params:
                raise ValueError("%s has no choice of %s" % (framework, name.replace("_", " ")))
            _require(name.replace("_", " "), value, params[name].values)
        words = tuple(chosen.get(name, param.values[0]) for name, param in params.items())
        return super().__new__(cls, framework, words)

    def __getattr__(self, name):
        for param, value in zip(of(self.framework), self.words):
            if param.name == name:
                return value
        raise AttributeError("%s has no param %s" % (self.framework, name))

    @property
    def values(self):
        """A dict of the names of the framework's params to their values, in asv's order."""
        return {param.name: value for param, value in zip(of(self.framework), self.words)}

    @property
    def layout(self):
        """The order of an image's axes, None where that cannot be chosen."""
        return value_of(self.framework, self.values, LAYOUT)

    @property
    def backend(self):
        """The package that the framework computes with, None where that cannot be chosen."""
        return value_of(self.framework, self.values, BACKEND)

    @property
    def is_compiled(self):
        """Whether the whole step is to be compiled."""
        return is_chosen(self.framework, self.values, COMPILER)

    @property
    def has_batch_norm(self):
        """Whether convolutions are followed by batch normalisation, of any kind."""
        return is_chosen(self.framework, self.values, NORMALISATION)

    @property
    def has_running_averages(self):
        """Whether the step moves running averages of the batch normalisation's statistics."""
        return self.has_batch_norm and not any(
            value in param.without_averages for param, value in zip(of(self.framework), self.words)
        )

    def __str__(self):
        return " ".join(self.words)


def configurations(framework):
    """Return the list of all Configurations of a framework, in asv's order."""
    params = of(framework)
    return [
        Configuration(framework, **{param.name: value for param, value in zip(params, words)})
        for words in itertools.product(*[param.values for param in params])
    ]


def _require(what, value, known):
    if value not in known:
        raise ValueError("unknown %s %r: choose one of %s" % (what, value, ", ".join(known)))
