"""main.py: the command line and protocol of 2017, in the interpreter that it is started with."""
