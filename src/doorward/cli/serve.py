"""`doorward serve`: run the server; with `--dev`, everything it needs is made, and shown, on the spot."""

from pathlib import Path
from typing import Annotated

import typer

from doorward.app.administration import prepare_dev_files
from doorward.app.check import find_unsafe
from doorward.app.serve import Ready
from doorward.app.serve import serve as run_server
from doorward.app.settings import Settings
from doorward.cli.frame import Desk, new_command, offer
from doorward.cli.looks import show_findings
from doorward.cli.output import Cell, Output
from doorward.errors import Misconfigured

commands = new_command()


@offer(commands, "serve")
def serve(
    desk: Desk,
    *,
    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Where to listen. Default: 127.0.0.1.")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", metavar="N", help="Default: 8700.")] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="The certificate chain, PEM.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="Its key, PEM.")] = None,
    metrics_port: Annotated[
        int | None, typer.Option("--metrics-port", metavar="N", help="Where Prometheus asks. Default: 8701.")
    ] = None,
) -> None:
    """Run the server until Ctrl-C or SIGTERM.

    With --dev it listens on this machine only, speaks plain HTTP, needs no configuration, and keeps what it makes in
    .doorward/. Without --dev it wants TLS (or a listed proxy that ends it) and a master key, and does not start while
    anything is unsafe; `doorward check` says the same without starting.
    """
    settings = desk.settings(
        listen_host=host,
        listen_port=port,
        tls_certificate_file=tls_cert,
        tls_key_file=tls_key,
        metrics_port=metrics_port,
    )
    if settings.dev:
        prepare_dev_files(settings)
    _require_safe(desk, settings)
    run_server(settings, on_ready=lambda ready: _announce(desk, settings, ready))


def _require_safe(desk: Desk, settings: Settings) -> None:
    found = find_unsafe(settings)
    if found:
        show_findings(desk.out, found, to_stderr=True)
        things = "one thing is" if len(found) == 1 else f"{len(found)} things are"
        raise Misconfigured(f"Not started: {things} unsafe.", cure="Mend what is listed, then `doorward check`.")


def _announce(desk: Desk, settings: Settings, ready: Ready) -> None:
    out = desk.out
    admin_key = None if ready.first_admin is None else ready.first_admin.text
    if out.as_json:
        out.json({"url": ready.url, "metrics_url": ready.metrics_url, "admin_key": admin_key})
        out.flush()  # whoever reads this through a pipe waits for it, and this process goes on for days
        return
    out.done(f"Doorward serves{', for development on this machine only' if settings.dev else ''}.")
    out.note()
    facts: list[tuple[str, Cell]] = [
        ("Server", ready.url),
        ("Management API", f"{settings.public_url or ready.url}/api/docs"),  # other hosts are refused
        ("Health", f"{ready.url}/healthz, {ready.url}/readyz"),
        ("Metrics", ready.metrics_url),
        ("Database", str(settings.database_path) if settings.dev else None),
    ]
    out.facts(facts, to_stderr=True)
    out.note()
    if admin_key is not None:
        _show_first_admin(out, admin_key, ready.url)
    elif settings.dev:
        out.note("The administrator's key was shown when .doorward/ was made; `doorward init --dev --replace-admin`")
        out.note("makes another. Remove .doorward/ to start afresh.")
        out.note()
    out.note("Ctrl-C ends it.")


def _show_first_admin(out: Output, admin_key: str, url: str) -> None:
    out.done("First administrator: this key may do everything. It is shown this once:")
    out.note()
    out.secret(admin_key)
    out.note()
    out.note("Try it in another terminal:")
    out.note()
    out.command("read -rs KEY", f'curl -H "Authorization: Bearer $KEY" {url}/api/v1/apps')
    out.note()
    out.note("Give an app of yours a key:")
    out.note()
    out.command("doorward apps create --dev shop", "doorward keys create --dev shop --scope orders:read")
    out.note()
