"""What is told to resources with derived names, and since when."""

from doorward.methods.token_order import ACCESS_TOKEN_LIFETIME_S_MAX
from doorward.revocation.withholding import SECTOR_SETTLES_S, names_person
from doorward.values import FeedKind, Handle


def test_a_sector_settles_after_every_token_from_before() -> None:
    assert SECTOR_SETTLES_S > ACCESS_TOKEN_LIFETIME_S_MAX


def test_only_rows_about_people_name_somebody() -> None:
    named = {kind for kind in FeedKind if names_person(Handle(kind, "web alice"))}
    assert named == {FeedKind.SUBJECT, FeedKind.CLIENT_SUBJECT}
