"""Outbound HTTP: one guarded client, and the ports it implements.

Needs the extra `[http]`. What is used of httpx2 is its engine, `httpcore2`: nothing in there follows a redirect, reads
a variable of the environment, keeps a cookie or inflates a body, so none of it has to be switched off and stay so.
"""

try:
    import httpcore2 as _engine
    import httpx2 as _tls
except ModuleNotFoundError as missing:
    raise ImportError("Requests to other machines need: pip install 'doorward[http]'", name=missing.name) from missing

__all__: list[str] = []

del _engine, _tls
