"""Requests to addresses that people entered: they must not reach what only this machine may."""
