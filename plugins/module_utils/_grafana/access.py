# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The password of Grafana's first administrator, and the token of a service account in a file. Private."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
import time

from .._files import write_atomically
from .._text import one_line
from . import client as grafana
from .module import refuse_credentials

ACCOUNTS = "/api/serviceaccounts"
LOCKED = (
    "%s refuses the password of %r although it was set a moment ago: either five wrong passwords came within five"
    " minutes, then wait as long and run again, or the first administrator is not called %r, then set its name"
)


class Access:
    KIND = ""

    def __init__(self, module):
        refuse_credentials(module, "url")
        self.module, self.params = module, module.params
        self.path = self.params["token_path"]
        self.admin = self.client(url_username=self.params["url_username"], url_password=self.params["url_password"])
        self.result = {"changed": False}

    def client(self, **who):
        return grafana.Client(dict(self.params, **{"url_username": None, "url_password": None, **who}))

    # -- the password

    def login(self):
        """Whether the password is taken. One request, never repeated for a refusal."""
        answer = self.admin.ask("GET", "/api/user")
        if answer.status == 401:
            return False
        self.admin.judge(answer)
        return True

    def command_line(self):
        program = self.params["program"]
        older = os.path.join(os.path.dirname(program), "grafana-cli")
        return [older] if os.path.exists(older) and not os.path.exists(program) else [program, "cli"]

    def reset(self):
        params = self.params
        argv = [*self.command_line(), "--homepath", params["homepath"], "--config", params["config"]]
        argv += ["admin", "reset-admin-password", "--password-from-stdin"]
        if os.geteuid() == 0:  # files that the command line writes shall belong to Grafana
            argv = [self.module.get_bin_path("runuser", required=True), "-u", params["user"], "--", *argv]
        given = {"data": params["url_password"] + "\n", "binary_data": False, "cwd": "/"}
        try:
            rc, out, err = self.module.run_command(argv, handle_exceptions=False, **given)
        except BrokenPipeError:
            rc, out, err = 1, "", "it ended before it read the password; is there a user %s?" % params["user"]
        if rc != 0:
            said = [line for line in (err + "\n" + out).splitlines() if line.strip()]
            why = one_line(said[-1] if said else "exit %d" % rc)
            raise grafana.GrafanaError(
                "the password of %r could not be set with %s: %s"
                % (params["url_username"], self.command_line()[0], why)
            )

    def password(self):
        if self.module.check_mode:
            return "reset" if self.params["set_password"] else "not tried"
        if not self.params["set_password"] and self.login():
            return "works"
        self.reset()
        return "reset" if self.login() else "locked"

    # -- the token

    def stored(self):
        """The token in the file, None when there is none that could be one."""
        try:
            found = os.lstat(self.path)
            with open(self.path, encoding="ascii") as handle:
                token = handle.read().strip()
        except (FileNotFoundError, UnicodeDecodeError):
            return None
        except OSError as exc:
            raise grafana.GrafanaError("token_path %s cannot be read: %s" % (self.path, exc.strerror)) from exc
        safe = stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o600 and found.st_uid == os.geteuid()
        return token if token and safe else None  # one that others could read is not kept

    def works(self, token):
        """Whether the token is known and may do what the modules do."""
        try:
            client = self.client(token=token)
        except grafana.GrafanaError:
            return False
        answer = client.ask("GET", ACCOUNTS + "/search?perpage=1")
        if answer.status in (401, 403):
            return False
        client.judge(answer)
        return True

    def account(self):
        """Numeric ID of the service account, which is made when it is missing. There are no others for it."""
        name = self.params["service_account"]

        def find():
            found = self.admin.get(ACCOUNTS + "/search?perpage=1000&query=" + grafana.quote(name))
            return next((one for one in found["serviceAccounts"] if one["name"] == name), None)

        account = find()
        if account is None:
            body = {"name": name, "role": "Admin"}
            account = self.admin.create(ACCOUNTS, body, find, accept=(400, 409))
            if isinstance(account, grafana.Answer):  # somebody else made it in the meantime
                said, account = account.message, find()
                if account is None:
                    raise self.admin.error("cannot make the service account %s: %s" % (name, said))
        wanted = {"role": "Admin", "isDisabled": False}
        changes = {key: value for key, value in wanted.items() if account.get(key, value) != value}
        if changes:
            self.admin.request("PATCH", "%s/%d" % (ACCOUNTS, account["id"]), changes)
        return account["id"]

    def make(self):
        """A new token in the file; those that this host had before are taken back."""
        tokens = "%s/%d/tokens" % (ACCOUNTS, self.account())
        ours = socket.gethostname() + " "
        old = [one for one in self.admin.get(tokens) or [] if one["name"].startswith(ours)]
        name = "%s%s" % (ours, time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime()) + "%06d" % (time.time() % 1 * 1e6))
        made = self.admin.request("POST", tokens, {"name": name})
        self.module.no_log_values.add(made["key"])
        write_atomically(self.path, made["key"].encode() + b"\n", 0o600)
        for one in old:
            self.admin.request("DELETE", "%s/%d" % (tokens, one["id"]))

    # -- both

    @contextlib.contextmanager
    def alone(self):
        """One run at a time: another one would make a token that takes back the first one's."""
        directory = os.path.dirname(self.path)
        if self.module.check_mode:
            yield
            return
        os.makedirs(directory, mode=0o755, exist_ok=True)
        with open(os.path.join(directory, ".lock"), "a") as lock:
            os.fchmod(lock.fileno(), 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def present(self):
        try:
            self.result.update(self.run())
        except OSError as exc:
            raise grafana.GrafanaError("%s cannot be written: %s" % (exc.filename, exc.strerror)) from exc

    def run(self):
        with self.alone():
            try:
                login = self.password()
                token = self.stored()
                works = token is not None and self.works(token)
            except grafana.GrafanaError:
                if not self.module.check_mode:
                    raise
                works = False  # it may not run yet, or elsewhere
            if login == "locked":
                problem = LOCKED % ("Grafana at " + self.admin.url, *[self.params["url_username"]] * 2)
                if not works:
                    raise grafana.GrafanaError(problem)
                self.module.warn(problem)
            if not works and not self.module.check_mode:
                self.make()
        state = "works" if works else "missing" if self.module.check_mode else "made"
        was_set = login in ("reset", "locked")
        before = {"password": "another one" if was_set else login, "token": "works" if works else "none that works"}
        after = {"password": "as wanted" if was_set else login, "token": "works"}
        return {
            "changed": was_set or not works,
            "password": login,
            "token": state,
            "ready": works or not self.module.check_mode,
            "diff": {"before": before, "after": after},
        }
