"""Bytes to values and back, without I/O: the request view, credential tokens, headers, refusals as HTTP answers."""
