"""How Theano compiles on this machine, and what it compiled.

Theano reads its settings once, when it is imported, so configure() must come before that. Without a
C++ compiler it runs everything in Python, a hundred times slower, and says so in a log line only.
The compiler is therefore tried out first, and the compiled function is looked at afterwards.
"""

import atexit
import configparser
import ctypes
import glob
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile

from vggbench.inside import gpu
from vggbench.inside.params import MachineLacks, NotApplicable

# OpenBLAS by the name that a development package gives it, and by the name of the library alone.
BLAS_FLAGS = ("-lopenblas", "-l:libopenblas.so.0")

NO_BLAS = "no BLAS on this machine, theano is about three times slower; install libopenblas0-openmp"

# What Theano needs, and a machine may lack.
COMPILER = "a C++ compiler"

# The values of theano.config.device. cuda is the backend of libgpuarray, from 0.9 on.
DEVICE_NAMES = {"cpu": "cpu", "gpu": "cuda"}

# The folder in an environment for the compiled modules, which its next process can use.
COMPILE_FOLDER = "theano-compiled"

# How the names of the operations begin that take the time of a train step. Where one of them is
# computed in Python, the time is not Theano's.
TAKE_THE_TIME = (
    "AbstractConv",
    "Conv",
    "Corr",
    "CrossentropySoftmax",
    "DownsampleFactorMax",
    "Elemwise",
    "MaxPool",
    "Pool",
    "Softmax",
    "Sum",
)

# Products take the time too. Without a BLAS, Theano leaves them to NumPy, which brings its own.
PRODUCTS = ("Dot", "Gemm")

_modules_before = 0


def configure(device):
    """Set THEANO_FLAGS and THEANORC, by which Theano sets itself up when it is imported.

    What the user sets in THEANO_FLAGS, or in a file that THEANORC names, has precedence over what
    is chosen here. The exceptions are device and floatX, which the benchmark sets. No file in the
    user's home is read unless THEANORC names it.

    Raises MachineLacks without a C++ compiler; RuntimeError for a compiler that does not work, and
    where the user asks for OpenMP without a BLAS, which would kill the process.
    """
    global _modules_before
    os.environ.setdefault("THEANORC", os.devnull)
    users = _users_settings()
    ours = {"cxx": users["cxx"] if "cxx" in users else shutil.which("g++")}
    if not ours["cxx"]:
        raise MachineLacks(
            "no C++ compiler on this machine: theano would run in Python, a hundred times slower; "
            "install g++",
            COMPILER,
        )
    if "blas.ldflags" in users:
        blas_flags = users["blas.ldflags"]
    else:
        blas_flags = ours["blas.ldflags"] = _working_blas(ours["cxx"])
    if "openmp" not in users:
        # Without a BLAS, OpenMP kills the process: "PyEval_SaveThread: NULL tstate", or a signal
        # 11.
        ours["openmp"] = str(bool(blas_flags))
    elif not blas_flags and users["openmp"].lower() in ("true", "1"):
        raise RuntimeError(
            "theano dies with OpenMP and without a BLAS: install libopenblas0-openmp, or take "
            "openmp out of THEANO_FLAGS"
        )
    if "base_compiledir" not in users:
        ours["base_compiledir"] = _compile_folder()
    flags = [shlex.quote("%s=%s" % item) for item in ours.items() if item[0] not in users]
    if os.environ.get("THEANO_FLAGS"):
        flags.append(os.environ["THEANO_FLAGS"])
    flags += ["device=" + DEVICE_NAMES[device], "floatX=float32"]
    os.environ["THEANO_FLAGS"] = ",".join(flags)  # of one setting twice, Theano takes the last
    _modules_before = _modules(ours.get("base_compiledir") or users["base_compiledir"])


def _users_settings():
    """Return the user's settings as Theano reads them, a dict of Theano's names to texts."""
    reader = configparser.RawConfigParser()
    reader.optionxform = str
    reader.read(os.path.expanduser(path) for path in os.environ["THEANORC"].split(os.pathsep))
    settings = {}
    for section in reader.sections():
        prefix = "" if section == "global" else section + "."
        settings.update((prefix + option, text) for option, text in reader.items(section))
    flags = shlex.shlex(os.environ.get("THEANO_FLAGS", ""), posix=True)
    flags.whitespace, flags.whitespace_split = ",", True
    settings.update(flag.strip().split("=", 1) for flag in flags if "=" in flag)
    return settings


def _working_blas(cxx):
    """Return the flags that link an OpenBLAS, "" where there is none.

    Raises RuntimeError for a compiler that fails even without OpenBLAS.
    """
    for flags in BLAS_FLAGS:
        if _complaint(cxx, flags) is None:
            return flags
    complaint = _complaint(cxx)
    if complaint is not None:
        raise RuntimeError(
            "the C++ compiler %s does not compile an extension of Python, so theano cannot "
            "either: %s" % (cxx, complaint)
        )
    return ""


def _complaint(cxx, *flags):
    """Compile and link an empty extension module; return what went wrong, or None."""
    with tempfile.TemporaryDirectory(prefix="vggbench-theano-") as folder:
        source = os.path.join(folder, "empty.cpp")
        with open(source, "w") as file:
            file.write("#include <Python.h>\n")
        include = "-I" + sysconfig.get_paths()["include"]
        command = [cxx, "-shared", "-fPIC", include, source, "-o", source + ".so"]
        try:
            process = subprocess.Popen(
                command + list(flags), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        except OSError as error:
            return error.strerror
        output = process.communicate()[0].decode(errors="replace")
    if process.returncode == 0:
        return None
    errors = [line.strip() for line in output.splitlines() if "error" in line.lower()]
    return errors[0] if errors else "exit status %d" % process.returncode


def _compile_folder():
    """Return the folder for what Theano compiles, which must not be the one in the user's home.

    The folder lies in the environment of this interpreter. It is a temporary folder where the
    interpreter has no environment, and where the environment cannot be written to.
    """
    if sys.prefix != sys.base_prefix and os.access(sys.prefix, os.W_OK):
        return os.path.join(sys.prefix, COMPILE_FOLDER)
    folder = tempfile.mkdtemp(prefix="vggbench-theano-compiled-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _path_in_environment(folder):
    """Return the path of a folder for the record: relative where it lies in the environment."""
    # Theano gives the real path, also for an environment that is reached by a link.
    inside = os.path.relpath(folder, os.path.realpath(sys.prefix))
    return folder if inside.startswith(os.pardir) else inside


def _modules(folder):
    """Return the number of compiled modules below a folder."""
    return len(glob.glob(os.path.join(os.path.expanduser(folder), "*", "*", "*.so")))


def check_imported(device):
    """Check that the imported Theano has a compiler, and a GPU where the device is "gpu".

    Raises MachineLacks where the machine has none, and NotApplicable where this Theano has no
    libgpuarray. Where it has, and cannot use the GPU that is there, that may be mended, so the
    exception is a RuntimeError.
    """
    import theano

    if not theano.config.cxx:
        raise MachineLacks(
            "theano %s found no C++ compiler: install g++" % theano.__version__, COMPILER
        )
    if device == "gpu":
        gpuarray = getattr(theano, "gpuarray", None)  # 0.8 has it in a sandbox
        if gpuarray is None or not gpuarray.pygpu_activated:
            reason = "no GPU visible to theano %s" % theano.__version__
            if not gpu.is_visible():
                raise MachineLacks(reason, "a GPU")
            if gpuarray is None or importlib.util.find_spec("pygpu") is None:
                raise NotApplicable(reason + ": it has no libgpuarray (pygpu) here")
            raise RuntimeError(
                "theano %s has libgpuarray and cannot use the GPU, nvidia-smi lists %s: a library "
                "of CUDA may be missing, or this GPU is not supported; the output of the process "
                "has what theano says" % (theano.__version__, gpu.visible()[0])
            )


def check_compiled(function):
    """Return the sorted names of the operations of a compiled function that have no C code.

    Raises RuntimeError where an operation that takes the time of a step is among them, and for a
    function that cannot tell its operations. Every linker but Theano's virtual machine, the
    default, makes such functions.
    """
    import theano

    version = theano.__version__
    settings = "with linker=%s and mode=%s: take them out of THEANO_FLAGS" % (
        theano.config.linker,
        theano.config.mode,
    )
    machine = function.fn
    if not hasattr(machine, "nodes"):
        raise RuntimeError("theano %s cannot tell what has C code %s" % (version, settings))
    in_python = sorted(
        {
            type(node.op).__name__
            for node, thunk in zip(machine.nodes, machine.thunks)
            if not hasattr(thunk, "cthunk")
        }
    )
    take_the_time = TAKE_THE_TIME + (PRODUCTS if theano.config.blas.ldflags else ())
    slow = [name for name in in_python if name.startswith(take_the_time)]
    if slow:
        raise RuntimeError(
            "theano %s compiled no C code for %s %s" % (version, ", ".join(slow), settings)
        )
    return in_python


def facts():
    """Return JSON-able facts about the Theano that was imported."""
    import numpy
    import scipy
    import theano

    config = theano.config
    remark = {} if config.blas.ldflags else {"remark": NO_BLAS}
    return {
        **remark,
        "theano": theano.__version__,
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "theano_device": config.device,
        "floatX": config.floatX,
        "optimizer": config.optimizer,
        "linker": config.linker,
        "cxx": config.cxx,
        "cxx_version": theano.gof.cmodule.gcc_version(),
        "blas": config.blas.ldflags or "none",
        "blas_library": _call(config.blas.ldflags, "openblas_get_config", ctypes.c_char_p),
        "blas_threads": _call(config.blas.ldflags, "openblas_get_num_threads", ctypes.c_int),
        "openmp": config.openmp,
        "openmp_threads": _call("-l:libgomp.so.1", "omp_get_max_threads", ctypes.c_int),
        "compile_folder": _path_in_environment(config.compiledir),
        # 0 where this process found all that it needed in the folder.
        "compiled_modules": _modules(config.base_compiledir) - _modules_before,
    }


def _call(link_flags, name, returns):
    """Return what a function of a linked library returns, None where it cannot be called.

    link_flags: the flags of a linker that name libraries. returns: the ctypes type of the result.
    """
    for flag in link_flags.split():
        if flag.startswith("-l"):
            file = flag[3:] if flag.startswith("-l:") else "lib%s.so" % flag[2:]
            try:
                function = getattr(ctypes.CDLL(file), name)
            except (OSError, AttributeError):
                continue
            function.restype = returns
            answer = function()
            return answer.decode() if isinstance(answer, bytes) else answer
    return None
