"""`doorward signatures`: HTTP message signatures (RFC 9421) of requests in files, without a server.

What is verified here is verified by the code of the door. That a nonce is used once is not: nothing is remembered.
With `--stored` the keys are those of the store's apps.
"""

import secrets
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from doorward.cli.frame import Desk, new_group, offer
from doorward.cli.problems import Failed, UsageProblem
from doorward.cli.signatures_explain import explain_bases, explain_with_keys
from doorward.cli.signatures_keys import commands as key_commands
from doorward.cli.signatures_keys_files import parse_algorithm
from doorward.cli.signatures_message import RawRequest, read_keys, read_request
from doorward.cli.signatures_parts import BodyFile, HeaderFile, Method, Parts, Url, read_asked
from doorward.cli.signatures_source import (
    KeyFile,
    KnownKeys,
    PemAlgorithm,
    PemKeyId,
    Stored,
    find_keys,
    read_verifiers,
    require_one_source,
    require_usable,
)
from doorward.cli.text import moment, relative
from doorward.crypto.signature_keys import JsonKey
from doorward.errors import Rejected, Unavailable
from doorward.methods.signature import PROFILES, CoverageProfile, VerifiedSignature, sign_request, verify_request

commands = new_group(
    "HTTP message signatures (RFC 9421): sign, verify and explain requests in files; the keys of apps."
)
commands.add_typer(key_commands, name="keys")

_REFUSED: Final = 1
Keys = Annotated[Path, typer.Option("--keys", metavar="FILE", help="A JWK set, one JWK, or one key in PEM.")]
Request = Annotated[
    Path | None,
    typer.Option("--request", metavar="FILE", help="A raw HTTP/1.1 request. Default: standard input."),
]
ProfileName = Annotated[
    str, typer.Option("--profile", metavar="NAME", help=f"What must be covered: {', '.join(PROFILES)}.")
]
Label = Annotated[str | None, typer.Option("--label", metavar="LABEL", help="Only the signature of this label.")]
Tag = Annotated[str | None, typer.Option("--tag", metavar="TAG", help="Only a signature with this tag.")]
At = Annotated[int | None, typer.Option("--at", metavar="UNIX_SECONDS", help="As if it were then. Default: now.")]
Scheme = Annotated[str, typer.Option("--scheme", metavar="SCHEME", help="How it travels: https or http.")]


@offer(commands, "verify")
async def verify(
    desk: Desk,
    *,
    keys: KeyFile = None,
    stored: Stored = False,
    request: Request = None,
    headers: HeaderFile = None,
    body: BodyFile = None,
    method: Method = None,
    url: Url = None,
    key_id: PemKeyId = None,
    algorithm: PemAlgorithm = None,
    profile: ProfileName = "default",
    label: Label = None,
    tag: Tag = None,
    at: At = None,
    scheme: Scheme = "https",
) -> None:
    """Say whether a request is the one a known key has signed, its body included.

    Exit code 0 when it is, 1 when it is not, 2 when the question was not understood.
    """
    require_one_source(keys, stored=stored)
    wanted, now = _profile(profile, label, tag), _moment(desk, at)
    said = read_verifiers(keys, key_id=key_id, algorithm=parse_algorithm(algorithm)) if keys is not None else None
    known = None if said is None else KnownKeys(said, {}, {})
    try:
        raw = read_asked(request, Parts(headers, body, method, url), scheme=scheme)
        verified = _verify(raw, known or await find_keys(desk, raw, now=now), wanted, now)
    except (Rejected, Unavailable) as error:
        _tell_refusal(desk, error)
        raise typer.Exit(_REFUSED) from None
    _tell_verified(desk, verified, now)


def _verify(raw: RawRequest, known: KnownKeys, profile: CoverageProfile, now: int) -> VerifiedSignature:
    verified = verify_request(raw.message, known.verifiers, profile, now)
    if verified is None:
        raise Rejected("credential_missing", "the request has no Signature-Input and no Signature")
    record = known.records.get(verified.key_id)
    if record is not None:
        require_usable(record, now)
    check = verified.body()
    if check is not None:
        check.update(raw.body)
        check.verify_end()
    return verified


def _tell_refusal(desk: Desk, error: Rejected | Unavailable) -> None:
    if desk.out.as_json:
        desk.out.json({"ok": False, "code": error.code, "detail": error.detail})
    else:
        detail = error.detail or error.refusal.text
        desk.out.verdict(f"Refused: {detail.rstrip('.')}. ({error.code})", good=False)
        desk.out.note("`doorward signatures explain` with the same options looks for what was changed.")


def _tell_verified(desk: Desk, verified: VerifiedSignature, now: int) -> None:
    if desk.out.as_json:
        desk.out.json({"ok": True, "key": verified.key_id})
        return
    said = verified.signature.said
    desk.out.verdict(f"Signed by the key {verified.key_id}.", good=True)
    desk.out.facts(
        [
            ("Label", verified.signature.label),
            ("Algorithm", verified.algorithm.value),
            ("Covers", verified.signature.covered.text[1:-1]),
            ("Created", None if said.created is None else f"{moment(said.created)}, {relative(said.created, now)}"),
            ("Expires", None if said.expires is None else f"{moment(said.expires)}, {relative(said.expires, now)}"),
            ("Nonce", said.nonce),
            ("Tag", said.tag),
            ("Body", "not proven" if verified.expected is None else "as it was signed"),
        ]
    )


@offer(commands, "sign")
def sign(
    desk: Desk,
    *,
    keys: Keys,
    request: Request = None,
    headers: HeaderFile = None,
    body: BodyFile = None,
    method: Method = None,
    url: Url = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", "--key-id", metavar="ID", help="Which key signs; of PEM, its id. Default: the only one that can."
        ),
    ] = None,
    algorithm: PemAlgorithm = None,
    profile: ProfileName = "default",
    cover: Annotated[
        list[str] | None,
        typer.Option("--cover", metavar="COMPONENT", help="Cover this too: date, x-id;bs; repeat for more."),
    ] = None,
    lifetime_s: Annotated[
        int | None, typer.Option("--lifetime-s", metavar="SECONDS", help="Say when it expires.", min=1, max=86_400)
    ] = None,
    label: Annotated[str, typer.Option("--label", metavar="LABEL", help="The signature's name.")] = "sig1",
    tag: Annotated[str | None, typer.Option("--tag", metavar="TAG", help="What the signature is for.")] = None,
    at: At = None,
    scheme: Scheme = "https",
) -> None:
    """Write the headers that sign a request: Content-Digest when it is needed, Signature-Input, Signature."""
    wanted = _profile(profile, None, tag)
    chosen = _signer(read_keys(keys, key_id=key, algorithm=parse_algorithm(algorithm)), key)
    raw = read_asked(request, Parts(headers, body, method, url), scheme=scheme)
    assert chosen.signer is not None, "looked at while choosing"
    try:
        signed = sign_request(
            raw.message,
            chosen.signer,
            key_id=chosen.key_id,
            created=_moment(desk, at),
            entropy=secrets.token_bytes,
            body=raw.body,
            profile=wanted,
            more_components=[_identifier(component) for component in cover or ()],
            lifetime_s=lifetime_s,
            label=label,
        )
    except Rejected as error:
        # Its public text speaks of a credential, and none is judged here.
        raise Failed(f"The request cannot be signed so: {error.detail}. ({error.code})") from None
    spelled = {_spell(name): value.decode("ascii") for name, value in signed}
    if desk.out.as_json:
        desk.out.json({"headers": spelled})
        return
    for name, value in spelled.items():
        typer.echo(f"{name}: {value}")


@offer(commands, "explain")
async def explain(
    desk: Desk,
    *,
    request: Request = None,
    headers: HeaderFile = None,
    body: BodyFile = None,
    method: Method = None,
    url: Url = None,
    sent: Annotated[
        Path | None, typer.Option("--sent", metavar="FILE", help="The same request as its sender wrote it.")
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option("--keys", metavar="JWKS", help="Look for the change that makes one of these fit."),
    ] = None,
    stored: Stored = False,
    key_id: PemKeyId = None,
    algorithm: PemAlgorithm = None,
    other_keys: Annotated[
        Path | None, typer.Option("--other-keys", metavar="JWKS", help="Retired keys, or another place's.")
    ] = None,
    profile: ProfileName = "default",
    label: Label = None,
    tag: Tag = None,
    at: At = None,
    scheme: Scheme = "https",
) -> None:
    """Show what exactly is signed of a request, what changed of it on the way, and which change makes it fit.

    Without keys the signature base is shown, beside that of --sent. With --keys, or --stored, it is searched for what a
    proxy or the sender did, alone and in pairs: exit code 0 when there is an answer, 1 when there is none.
    No signature is computed, and nothing that is written is a secret.
    """
    received = read_asked(request, Parts(headers, body, method, url), scheme=scheme)
    if keys is None and not stored:
        if other_keys is not None or tag is not None or at is not None:
            raise UsageProblem("--other-keys, --tag and --at are for --keys and --stored.")
        explain_bases(desk.out, received, None if sent is None else read_request(sent, scheme=scheme), label)
        return
    if sent is not None:
        raise UsageProblem("--sent compares, and --keys and --stored search: choose one.")
    require_one_source(keys, stored=stored)
    wanted, now = _profile(profile, label, tag), _moment(desk, at)
    if keys is None:
        known = await find_keys(desk, received, now=now, beside=True)
    else:
        known = KnownKeys(read_verifiers(keys, key_id=key_id, algorithm=parse_algorithm(algorithm)), {}, {})
    others = known.others | ({} if other_keys is None else read_verifiers(other_keys))
    if not explain_with_keys(desk.out, received, known.verifiers, others, profile=wanted, now=now):
        raise typer.Exit(_REFUSED)


def _profile(name: str, label: str | None, tag: str | None) -> CoverageProfile:
    profile = PROFILES.get(name)
    if profile is None:
        raise UsageProblem(f"There is no profile {name}: choose one of {', '.join(PROFILES)}.")
    return msgspec.structs.replace(profile, label=label or profile.label, tag=tag or profile.tag)


def _moment(desk: Desk, at: int | None) -> int:
    if at is None:
        return desk.now
    if not 0 <= at < 10**12:
        raise UsageProblem("--at is seconds since 1970.")
    return at


def _signer(keys: dict[str, JsonKey], key_id: str | None) -> JsonKey:
    able = {name: key for name, key in keys.items() if key.signer is not None}
    if key_id is not None:
        if key_id not in able:
            raise UsageProblem(f"There is no key {key_id} that can sign.")
        return able[key_id]
    if len(able) != 1:
        raise UsageProblem(f"{len(able)} of the keys can sign: choose one with --key.")
    return next(iter(able.values()))


def _identifier(component: str) -> str:
    """`date` and `x-id;bs` as they stand in a signature; what is quoted already stays."""
    name, semicolon, parameters = component.partition(";")
    return component if component.startswith('"') else f'"{name}"{semicolon}{parameters}'


def _spell(name: bytes) -> str:
    return "-".join(word.capitalize() for word in name.decode("ascii").split("-"))
