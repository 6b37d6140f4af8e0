"""What decides what to measure next: to confirm, to calibrate, to separate, to check what is new.

Whatever a campaign measures is on record at once, so that it goes on where it was ended.
"""
