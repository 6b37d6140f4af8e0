"""Numbers in, numbers out: the statistics behind verdicts.

Nothing here knows a release, a record or a file.
"""
