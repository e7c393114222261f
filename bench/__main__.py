"""``make bench``: every measurement is a ratio against a peer in the same run."""

from __future__ import annotations

from bench import embedding, ingest, momentum

if __name__ == "__main__":
    print("Machines are noisy: read the ratios, not the absolute figures.\n")
    ingest.main()
    embedding.main()
    momentum.main()
