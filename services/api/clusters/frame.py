"""The map's frame: x from 0 to WIDTH, y from 0 to HEIGHT, y downwards."""

WIDTH, HEIGHT = 1000.0, 640.0
