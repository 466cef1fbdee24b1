"""What programs talk to: the management API, health, metrics."""
