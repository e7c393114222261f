"""What is counted in a post: terms and a near-duplicate fingerprint. Pure functions, no I/O."""
