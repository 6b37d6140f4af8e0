"""The fleet: the work of a history, handed out to many machines by Dask distributed.

What a machine has measured, and what is left, follows from the records in the client's checkout:
nothing else remembers. Only ``worker``, ``scheduler``, ``clusters``, ``security`` and ``engine``
import Dask.
"""
