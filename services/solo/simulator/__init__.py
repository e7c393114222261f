"""A feed to develop against: endless, lively, wholly determined by its seed.

``stream`` makes the events (no clock, no I/O), ``server`` speaks Jetstream v1 with them,
``recording`` writes them to a file and ``entry`` is what the command line calls.
"""
