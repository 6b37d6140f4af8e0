"""What decides what to measure next: answer what is not sure, compare any two in duets, calibrate
the machine, separate what makes a change and look for such causes, check what is new, measure a
whole history; and verify a release's train step, and measure the peak that it is held against.

What is timed of a train step is on record at once, so that a campaign goes on where it was ended. A
verification is said and not kept; a peak is written down when all of it is measured.
"""
