"""What running Groundswell costs a month, computed from what its processes were measured to use (docs/cost.md)."""
