"""main.py: the seed's command line and its protocol, in the interpreter that it is started with."""
