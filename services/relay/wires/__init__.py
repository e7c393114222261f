"""How each protocol writes an event: pure readers, one wire a file. Sources bring the bytes."""
