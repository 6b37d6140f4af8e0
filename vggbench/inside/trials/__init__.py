"""main.py: the seed's command line and its protocol, in whatever interpreter it is started."""
