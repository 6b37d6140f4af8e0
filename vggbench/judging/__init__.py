"""Was this release slower? From records to verdicts, and to what is said of them.

``evidence`` takes from the records what counts, ``comparisons`` finds what of it compares two
releases, ``verdicts`` has ``vggbench.stats`` judge that and says the answer of one configuration in
one release, ``line_changes`` finds what changed over a whole line of releases, ``phrases`` and
``verdict_command`` tell both.
"""
