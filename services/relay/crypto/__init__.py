"""Keys, signatures and ciphers: the one home of coincurve and pycryptodome. No I/O but reading a key file."""
