# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""grafana_access against the stand-in, whose command line works on the same database."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.modules import grafana_access

LAB = Path(__file__).resolve().parents[3] / "lab" / "grafana"


from running import PASSWORD

pytestmark = pytest.mark.usefixtures("no_pauses")

NEW = "canary-new-5ecr3t"


class Place:
    """Where the module works: the token, and Grafana's command line, which notes its arguments."""

    def __init__(self, directory):
        self.token = directory / "redisops" / "token"
        self.arguments = directory / "arguments"
        self.program = directory / "grafana-program"
        config = directory / "grafana.ini"
        config.write_text("[paths]\ndata = %s\n" % (directory / "grafana"))
        self.options = {"config": str(config), "program": str(self.program), "token_path": str(self.token)}
        self.options.update(homepath=str(directory), user=getpass.getuser())
        self.answer('exec %s %s "$@"' % (sys.executable, LAB / "grafana_standin.py"))

    def answer(self, command):
        self.program.write_text('#!/bin/sh\necho "$@" >> %s\n%s\n' % (self.arguments, command))
        self.program.chmod(0o755)

    def resets(self):
        return len(self.arguments.read_text().splitlines()) if self.arguments.exists() else 0


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture
def access(run_module, place):
    def run(server, password=PASSWORD, **args):
        result = run_module(grafana_access, url=server.url, url_password=password, **place.options, **args)
        secrets = [PASSWORD, NEW, *([place.token.read_text().strip()] if place.token.exists() else [])]
        assert not [one for one in secrets if one and one in json.dumps(result)]
        assert not place.arguments.exists() or NEW not in place.arguments.read_text()
        assert "\n" not in result.get("msg", "")
        return result

    return run


def wrong_tries(server):
    return len(server.grafana.store.get("attempts", "admin") or [])


def tokens(server):
    accounts = server.call("GET", "/api/serviceaccounts/search?query=redisops")[1]["serviceAccounts"]
    return [one["name"] for one in server.call("GET", "/api/serviceaccounts/%d/tokens" % accounts[0]["id"])[1]]


def token_works(server, place):
    return server.call("GET", "/api/org", auth=place.token.read_text().strip())[0] == 200


def test_first_run_then_nothing(server, access, place):
    result = access(server)
    assert result["changed"] and (result["password"], result["token"], result["ready"]) == ("works", "made", True)
    assert place.token.stat().st_mode & 0o777 == 0o600
    assert token_works(server, place)
    assert tokens(server)[0].startswith(socket.gethostname() + " ")
    before = place.token.read_text()
    server.requests()
    again = access(server)
    assert not again["changed"] and (again["password"], again["token"]) == ("works", "works")
    assert len(server.requests()) == 2
    assert place.token.read_text() == before
    assert place.resets() == 0


def test_changed_password_is_set_without_the_old_one(server, access, place):
    access(server)
    result = access(server, NEW)
    assert result["changed"] and (result["password"], result["token"]) == ("reset", "works")
    assert wrong_tries(server) == 1  # the wanted one, once
    assert place.resets() == 1
    assert server.call("GET", "/api/user", auth=("admin", NEW))[0] == 200
    assert server.call("GET", "/api/user", auth=("admin", PASSWORD))[0] == 401
    assert not access(server, NEW)["changed"]


def test_command_line_of_older_servers(server, access, place):
    """Up to 9.3 there was no program grafana, only grafana-server and grafana-cli."""
    access(server)
    place.program = place.program.with_name("grafana-cli")
    place.answer('exec %s %s cli "$@"' % (sys.executable, LAB / "grafana_standin.py"))
    place.program.with_name("grafana-program").unlink()
    assert access(server, NEW)["password"] == "reset"
    assert place.arguments.read_text().startswith("--homepath ")
    assert not access(server, NEW)["changed"]


def test_password_known_to_be_new_costs_no_try(server, access, place):
    for number in range(8):
        assert access(server, NEW + str(number), set_password=True)["password"] == "reset"
    assert wrong_tries(server) == 0
    assert not access(server, NEW + "7")["changed"]


def test_token_is_for_the_first_organisation_whichever_was_chosen_in_the_pages(server, access, place):
    store = server.grafana.store
    store.put("org", 2, {"id": 2, "name": "Other"})
    admin = server.grafana.find_user("admin")
    store.put("user", admin["id"], dict(admin, orgs={"1": "Admin", "2": "Admin"}, using=2))
    assert server.call("GET", "/api/org")[1]["id"] == 2
    access(server)
    assert server.call("GET", "/api/org", auth=place.token.read_text().strip())[1]["id"] == 1
    assert not access(server)["changed"]
    place.token.unlink()
    access(server, org_id=2)
    assert server.call("GET", "/api/org", auth=place.token.read_text().strip())[1]["id"] == 2


def lock(server):
    for _each in range(5):
        server.call("GET", "/api/user", auth=("admin", "guess"))


def test_locked_account_is_no_reason_to_fail_while_the_token_works(newest, access, place):
    access(newest)
    lock(newest)
    result = access(newest)
    assert result["password"] == "locked" and result["ready"]
    assert "five wrong passwords" in json.dumps(result["warnings"])
    assert wrong_tries(newest) == 5  # ours were not even looked at


def test_locked_account_without_a_token_is_an_error(newest, access, place):
    lock(newest)
    result = access(newest)
    assert result["failed"] and "wait as long and run again" in result["msg"]
    assert not place.token.exists()


def revoke(server, place):
    account = server.call("GET", "/api/serviceaccounts/search?query=redisops")[1]["serviceAccounts"][0]
    for one in server.call("GET", "/api/serviceaccounts/%d/tokens" % account["id"])[1]:
        server.call("DELETE", "/api/serviceaccounts/%d/tokens/%d" % (account["id"], one["id"]))


def remove_account(server, place):
    account = server.call("GET", "/api/serviceaccounts/search?query=redisops")[1]["serviceAccounts"][0]
    server.call("DELETE", "/api/serviceaccounts/%d" % account["id"])


def demote(server, place):
    account = server.call("GET", "/api/serviceaccounts/search?query=redisops")[1]["serviceAccounts"][0]
    server.call("PATCH", "/api/serviceaccounts/%d" % account["id"], {"role": "Viewer"})


def disable(server, place):
    account = server.call("GET", "/api/serviceaccounts/search?query=redisops")[1]["serviceAccounts"][0]
    server.call("PATCH", "/api/serviceaccounts/%d" % account["id"], {"isDisabled": True})


@pytest.mark.parametrize(
    "break_it",
    [
        revoke,
        remove_account,
        demote,
        disable,
        lambda server, place: place.token.unlink(),
        lambda server, place: place.token.write_text(""),
        lambda server, place: place.token.write_text("two\nlines\n"),
        lambda server, place: place.token.write_bytes(b"\xff\xfe"),
        lambda server, place: place.token.write_text("glsa_of_another_server\n"),
        lambda server, place: place.token.chmod(0o644),
        lambda server, place: (place.token.rename(place.token.parent / "x"), place.token.symlink_to("x")),
    ],
    ids=[
        "revoked",
        "account gone",
        "demoted",
        "disabled",
        "no file",
        "empty",
        "lines",
        "binary",
        "foreign",
        "open",
        "link",
    ],
)
def test_token_that_does_not_work_is_replaced(server, access, place, break_it):
    access(server)
    break_it(server, place)
    assert access(server)["token"] == "made"
    assert token_works(server, place)
    assert place.token.stat().st_mode & 0o777 == 0o600 and not place.token.is_symlink()
    assert len(tokens(server)) == 1  # the old one was taken back
    assert not access(server)["changed"]


def test_tokens_of_other_hosts_are_left_alone(newest, access, place):
    access(newest)
    account = newest.call("GET", "/api/serviceaccounts/search?query=redisops")[1]["serviceAccounts"][0]
    newest.call("POST", "/api/serviceaccounts/%d/tokens" % account["id"], {"name": "other-host 2026"})
    place.token.unlink()
    access(newest)
    assert "other-host 2026" in tokens(newest) and len(tokens(newest)) == 2


def test_account_of_a_similar_name_is_not_taken(newest, access, place):
    newest.call("POST", "/api/serviceaccounts", {"name": "redisops-other", "role": "Viewer"})
    access(newest)
    found = newest.call("GET", "/api/serviceaccounts/search?query=redisops")[1]["serviceAccounts"]
    assert {one["name"]: one["tokens"] for one in found} == {"redisops-other": 0, "redisops": 1}


def test_account_that_somebody_makes_at_the_same_moment(newest, access, place):
    newest.fault({"cut": "after"}, "POST", "/api/serviceaccounts")  # the answer is lost, the account is there
    assert access(newest)["token"] == "made"
    assert len(tokens(newest)) == 1


def test_check_mode_writes_nothing_and_tries_no_password(server, access, place):
    result = access(server, NEW, check_mode=True)
    assert (result["changed"], result["password"], result["token"]) == (True, "not tried", "missing")
    assert not result["ready"] and not place.token.parent.exists()
    access(server)
    before, server.database_before = place.token.read_text(), server.database.read_bytes()
    server.requests()
    assert not access(server, NEW, check_mode=True)["changed"]  # not known to be new
    assert access(server, NEW, check_mode=True, set_password=True)["password"] == "reset"
    assert [path for _method, path in server.requests()] == ["/api/serviceaccounts/search?perpage=1"] * 2
    assert server.database.read_bytes() == server.database_before
    assert place.token.read_text() == before and place.resets() == 0


def test_check_mode_without_a_server(newest, access, place, run_module):
    access(newest)
    result = run_module(grafana_access, check_mode=True, url="http://127.0.0.1:1", url_password=NEW, **place.options)
    assert result["changed"] and not result["ready"] and not result.get("failed")


def test_runs_wait_for_each_other(newest, access, place):
    access(newest)
    good = place.token.read_text()
    place.token.write_text("glsa_broken\n")
    with open(place.token.parent / ".lock", "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        def finish():
            time.sleep(0.3)
            place.token.write_text(good)
            fcntl.flock(other, fcntl.LOCK_UN)

        threading.Thread(target=finish).start()
        assert not access(newest)["changed"]  # so it saw what the other one had done


def test_command_line_that_fails(newest, access, place):
    place.answer("cat > /dev/null; echo 'Error: ✗ failed to connect to database' >&2; exit 1")
    result = access(newest, NEW)
    assert result["failed"] and result["msg"].endswith("Error: ✗ failed to connect to database")
    assert "the password of 'admin' could not be set" in result["msg"]


def test_command_line_runs_as_grafana(newest, access, place, tmp_path):
    place.answer('id -un > %s; exec %s %s "$@"' % (tmp_path / "who", sys.executable, LAB / "grafana_standin.py"))
    access(newest, NEW)
    assert (tmp_path / "who").read_text().strip() == getpass.getuser()
    if os.geteuid() == 0:
        place.options["user"] = "no-such-user"
        assert "could not be set" in access(newest, NEW + "2")["msg"]


def test_unreachable_server_is_one_line(access, place, run_module):
    result = run_module(grafana_access, url="http://127.0.0.1:1", url_password=NEW, **place.options)
    assert "the connection was refused" in result["msg"] and NEW not in json.dumps(result)


def test_unwritable_directory(newest, access, place, tmp_path):
    (tmp_path / "redisops").write_text("a file in the way")
    assert access(newest)["msg"] == "%s cannot be written: File exists" % (tmp_path / "redisops")
