"""The command line: works on the store directly, through the same operations the management API uses."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; says which extra is missing where only the library was installed."""
    try:
        from doorward.cli.entry import main as run  # noqa: PLC0415  # what it needs is an extra
    except ModuleNotFoundError as missing:
        if (missing.name or "doorward").partition(".")[0] == "doorward":
            raise
        sys.stderr.write(
            f"doorward: The command line needs the server extra ({missing.name} is not installed): "
            "pip install 'doorward[server]'\n"
        )
        raise SystemExit(3) from None
    run()
