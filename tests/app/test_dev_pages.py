"""The pages of a development server, and that no other server has them."""

import secrets
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import pytest
from tests.app.certificates import write_certificate
from tests.app.conftest import Start

from doorward.app.maintenance import upgrade
from doorward.app.master_key import create_master_key_file
from doorward.server.explain_page import EXPLAIN_FORM_BYTES_MAX

pytestmark = pytest.mark.slow

PATHS: Final = ("/dev/explain", "/dev/style.css")
_FORM: Final = {"content-type": "application/x-www-form-urlencoded"}


async def test_a_development_server_explains_to_its_own_page_alone(start: Start) -> None:
    served = await start(dev="true")
    shown = await served.client.get("/dev/explain")
    assert shown.status_code == 200
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert (await served.client.get("/dev/style.css")).headers["content-type"].startswith("text/css")
    secret = secrets.token_urlsafe(24)
    fields = urlencode({"scheme": "github", "secret": secret, "headers": "x-hub-signature-256: sha256=00", "body": "x"})
    asked = await served.client.post("/dev/explain", content=fields, headers={**_FORM, "origin": served.url})
    assert (asked.status_code, secret in asked.text) == (200, False)
    for headers in ({"origin": "http://attacker.example"}, {"host": "attacker.example"}, {"origin": "null"}):
        refused = await served.client.post("/dev/explain", content=fields, headers={**_FORM, **headers})
        assert refused.status_code in {403, 421}
    # A browser writes three bytes for each of these.
    body = urlencode({"scheme": "github", "secret": secret, "headers": "x-hub-signature-256: sha256=00"})
    whole = await served.client.post("/dev/explain", content=f"{body}&body={'%C3%A4' * 50_000}", headers=_FORM)
    assert (whole.status_code, "None of these" in whole.text) == (200, True)
    for path, size in (("/dev/explain", EXPLAIN_FORM_BYTES_MAX), ("/dev/style.css", 65_536), ("/api/v1/keys", 65_536)):
        large = await served.client.post(path, content=b"x" * (size + 1), headers=_FORM)
        assert large.status_code == 413
    assert secret not in await served.stop()


async def test_the_page_does_not_exist_in_production(start: Start, tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    (tmp_path / "audit").mkdir()
    (tmp_path / "keys").mkdir()
    master_key = tmp_path / "keys" / "master.key"
    create_master_key_file(master_key, entropy=secrets.token_bytes)
    url = f"sqlite:///{tmp_path}/doorward.db"
    upgrade(url)
    (tmp_path / "doorward.db").chmod(0o600)
    served = await start(
        verify=ssl.create_default_context(cafile=str(certificate)),
        database_url=url,
        master_key_file=str(master_key),
        audit_log_dir=str(tmp_path / "audit"),
        tls_certificate_file=str(certificate),
        tls_key_file=str(key),
        public_url="https://127.0.0.1",
    )
    for path in PATHS:
        answer = await served.client.get(path)
        assert answer.status_code in {401, 403, 404}
        assert "<form" not in answer.text
