"""`doorward webhooks senders`: added, listed, and said when they cannot be."""

from tests.fixtures_cli import Shell


def test_a_sender_is_added_and_listed(shell: Shell) -> None:
    empty = shell.good("webhooks", "senders", "list")
    assert (empty.out, "senders add" in empty.err) == ("", True)
    made = shell.json("webhooks", "senders", "add", "acme", "--scheme", "standard", "--organization", "acme-inc")
    assert (made["name"], made["scheme"], made["organization_id"]) == ("acme", "standard", "acme-inc")
    assert "--secret-file" in shell.good("webhooks", "senders", "add", "pay", "--scheme", "stripe").err
    assert [row["name"] for row in shell.good("webhooks", "senders", "list", "--json").lines] == ["acme", "pay"]
    one = shell.good("webhooks", "senders", "list", "--json", "--limit", "1")
    assert [row["name"] for row in one.lines] == ["acme"]
    assert "--after acme" in one.err
    rest = shell.good("webhooks", "senders", "list", "--json", "--after", "acme")
    assert [row["name"] for row in rest.lines] == ["pay"]
    own = shell.good("webhooks", "senders", "list", "--json", "--organization", "acme-inc")
    assert [row["name"] for row in own.lines] == ["acme"]
    assert "stripe" in shell.good("webhooks", "senders", "list").out


def test_what_cannot_be_a_sender_is_said(shell: Shell) -> None:
    said = shell("webhooks", "senders", "add", "a b", "--scheme", "standard")
    assert (said.code, "1 to 64" in said.err) == (1, True)
    said = shell("webhooks", "senders", "add", "acme", "--scheme", "stripes")
    assert (said.code, "stripe" in said.err) == (1, True)
    shell.good("webhooks", "senders", "add", "acme", "--scheme", "standard")
    assert "object_exists" in shell("webhooks", "senders", "add", "acme", "--scheme", "svix").err
    assert shell("webhooks", "senders", "list", "--limit", "0").code == 2
