"""The fleet: the work of a history, handed out to many machines by Dask distributed.

What a machine has measured, and what is left, follows from the records in the client's checkout:
nothing else remembers. Only ``worker``, ``scheduler``, ``clusters``, ``security`` and ``engine``
import Dask.
"""

#: Where schedulers and workers listen unless they are told otherwise: whoever reaches one has it
#: run what he likes.
LOOPBACK = "127.0.0.1"

#: The hosts of addresses that lead to this machine, or into a tunnel that begins here.
HERE = ("localhost", LOOPBACK, "[::1]")
