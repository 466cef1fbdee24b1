"""The only importers of databases and other services; each file implements a room's `port.py`."""
