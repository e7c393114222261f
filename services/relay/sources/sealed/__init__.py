"""Feeds that ask for a wallet's signature and send their frames encrypted. There is no standard: the shape is data."""
