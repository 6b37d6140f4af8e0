"""Was this release slower? From records to words.

``evidence`` takes from the records what counts, ``verdicts`` has ``vggbench.stats`` judge it and
says the answer of one configuration in one release, ``words`` and ``command`` tell it.
"""
