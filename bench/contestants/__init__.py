"""Who competes in ``bench.ingest``: each a process of its own that reads one file into one database.

``ours`` is the product's pipeline. The others are what a competent user would build on another
framework; they share ``rows`` (decoding) and ``sink`` (PostgreSQL), which are written with the same
care as ours, so that what differs is the framework.
"""
