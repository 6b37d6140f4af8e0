"""Was this release slower? From records to verdicts, and to what is said of them.

``evidence`` takes from the records what counts, ``verdicts`` has ``vggbench.stats`` judge it and
says the answer of one configuration in one release, ``phrases`` and ``verdict_command`` tell it.
"""
