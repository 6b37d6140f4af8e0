"""The fleet: the work of a history, handed out to many machines by Dask distributed, and the looks
of a bisection, handed out to one.

What a machine has measured, and what is left, follows from the records in the client's checkout:
nothing else remembers. Only ``worker``, ``scheduler``, ``clusters``, ``security`` and ``engine``
import Dask.
"""

from ..errors import VggbenchError

#: Where schedulers and workers listen unless they are told otherwise: whoever reaches one has it
#: run what he likes.
LOOPBACK = "127.0.0.1"

#: The hosts of addresses that lead to this machine, or into a tunnel that begins here.
HERE = ("localhost", LOOPBACK, "[::1]")

#: Exit statuses besides 0, that all is measured: more is left to do; something went wrong.
LEFT, TROUBLE = 1, 2


class FleetError(VggbenchError):
    """A fleet cannot begin or go on."""

    status = TROUBLE
