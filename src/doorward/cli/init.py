"""`doorward init`: the database, the master key and the first administrator, each made only where it is missing."""

import asyncio
import secrets
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from doorward.app.administration import create_first_admin, find_other_administrators
from doorward.app.maintenance import upgrade
from doorward.app.master_key import create_master_key_file
from doorward.app.settings import Settings
from doorward.cli.frame import Desk, new_command, offer
from doorward.cli.keys_expiry import Expires, expires_in_s_of
from doorward.cli.output import Output
from doorward.cli.problems import UsageProblem
from doorward.cli.shapes import issued_key_shape
from doorward.cli.text import moment
from doorward.errors import Misconfigured
from doorward.methods.apikey.order import IssuedKey

commands = new_command()

# A folder of its own: whoever copies the database's must not find the key in it.
_OTHERS_SHOWN: Final = 20
_KEY_FILE: Final = Path("doorward-keys/master.key")


@offer(commands, "init")
async def init(
    desk: Desk,
    *,
    master_key_file: Annotated[
        Path | None,
        typer.Option("--master-key-file", metavar="FILE", help="Where the master key is or shall be."),
    ] = None,
    expires: Expires = None,
    replace_admin: Annotated[
        bool,
        typer.Option(
            "--replace-admin", metavar="", help="The administrator's key is lost: revoke it and make another."
        ),
    ] = False,
) -> None:
    """Create the database, the master key and the first administrator.

    What is there already is left alone. Once there is an administrator it says so, and ends with 3. The
    administrator's key is shown once.
    """
    expires_in_s = expires_in_s_of(expires, desk.now)
    settings = desk.settings(master_key_file=master_key_file)
    if settings.master_key_file is None and settings.master_key is None:
        _write_config(desk, settings)
        settings = desk.settings(master_key_file=_KEY_FILE)
    _make_master_key(desk, settings)
    if settings.database_path is not None:
        settings.database_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    await asyncio.to_thread(upgrade, settings.database_url.get_secret_value())
    desk.out.done(f"Database: {_shown(settings)}")
    async with desk.store(settings) as store:
        issued = await create_first_admin(
            store,
            actor=desk.actor,
            key_prefix=settings.key_prefix,
            expires_in_s=expires_in_s,
            replace_existing=replace_admin,
        )
        if store.issuer is not None:
            await store.keyring.found()
            desk.out.done(f"Signing keys of {store.issuer}: made where they were missing")
        others = await find_other_administrators(store) if replace_admin else ()
    _show(desk, settings, issued)
    if others:
        shown = ", ".join(key.id for key in others[:_OTHERS_SHOWN])
        more = f" and {len(others) - _OTHERS_SHOWN} more" if len(others) > _OTHERS_SHOWN else ""
        desk.out.warn(
            "Keys of other apps hold doorward: scopes too, and still work. If the old administrator's key leaked, "
            f"whoever had it may have made them; revoke those you do not know: {shown}{more}"
        )


def _write_config(desk: Desk, settings: Settings) -> None:
    """Settings for every later command: otherwise none of them would know where the master key is."""
    path = desk.config_file
    if path.exists():
        raise Misconfigured(
            f"{path} names no master key.",
            cure=f'Write master_key_file = "{_KEY_FILE}" into it, or set DOORWARD_MASTER_KEY_FILE.',
        )
    url = settings.database_url.get_secret_value()
    lines = ["# Settings of Doorward; docs/settings.md explains every one. Secrets never stand here."]
    if urlsplit(url).password is None and "password=" not in url:
        lines.append(f'database_url = "{_toml(url)}"')
    lines.append(f'master_key_file = "{_KEY_FILE}"')
    path.write_text("\n".join(lines) + "\n")
    desk.out.done(f"Settings: {path}")


def _toml(text: str) -> str:
    if not text.isprintable():
        raise UsageProblem("The database URL holds a character that cannot be written down.")
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _make_master_key(desk: Desk, settings: Settings) -> None:
    path = settings.master_key_file
    if path is not None and not path.exists():
        create_master_key_file(path, entropy=secrets.token_bytes)
        desk.out.done(f"Master key: {path} (keep a copy in your safe, apart from the database's backups)")


def _shown(settings: Settings) -> str:
    path = settings.database_path
    if path is not None:
        return str(path)
    # The host alone: of a URL somebody has mistyped, any other part may be a piece of the password.
    host = urlsplit(settings.database_url.get_secret_value()).hostname
    return f"PostgreSQL on {host or 'this machine'}"


def _show(desk: Desk, settings: Settings, issued: IssuedKey) -> None:
    out = desk.out
    if out.as_json:
        out.json(
            {
                "database": _shown(settings),
                "master_key_file": None if settings.master_key_file is None else str(settings.master_key_file),
                **issued_key_shape(issued.record, issued.text),
            }
        )
        return
    until = "never expires" if issued.record.expires_at is None else f"expires {moment(issued.record.expires_at)}"
    out.done(f"First administrator: this key may do everything, and {until}.")
    out.note()
    out.secret(issued.text)
    out.note()
    out.warn("It is shown this once and kept nowhere. Keep it like the keys of the house.")
    out.note()
    _show_next(out, dev=settings.dev, has_issuer=settings.token_issuer is not None)


def _show_next(out: Output, *, dev: bool, has_issuer: bool) -> None:
    flag = " --dev" if dev else ""
    out.note("To guard routes of your own, give an app a key; the doors in your program open the same database:")
    out.note()
    out.command(f"doorward apps create{flag} shop", f"doorward keys create{flag} shop --scope orders:read")
    out.note()
    if dev:
        out.note("To run the server on this machine, and ask it something:")
    else:
        out.note("To run the server, set what `doorward check` still misses, start it, and ask it something:")
    out.note()
    url = "http://127.0.0.1:8700" if dev else "https://this.host.example"
    check = () if dev else ("doorward check",)
    out.command(
        *check, f"doorward serve{flag}", "read -rs KEY", f'curl -H "Authorization: Bearer $KEY" {url}/api/v1/apps'
    )
    if not has_issuer:
        out.note()
        out.note("Before the first access token, say who issues them: issuer in doorward.toml (or DOORWARD_ISSUER).")
