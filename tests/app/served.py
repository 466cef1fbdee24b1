"""A server as a process of its own: `python -m tests.app.served key=value …` prints one JSON line when ready."""

import json
import sys

from doorward.app.serve import Ready, serve
from doorward.app.settings import load_settings
from doorward.errors import DoorwardError


def _main() -> int:
    said: dict[str, object] = {}
    for argument in sys.argv[1:]:
        name, _, value = argument.partition("=")
        said[name] = value

    def on_ready(ready: Ready) -> None:
        admin = ready.first_admin.text if ready.first_admin else None
        print(json.dumps({"url": ready.url, "metrics": ready.metrics_url, "admin": admin}), flush=True)  # noqa: T201

    try:
        serve(load_settings(None, **said), on_ready=on_ready)
    except DoorwardError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(_main())
