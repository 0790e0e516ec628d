#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: grafana_access
short_description: The administrator's password of a Grafana on this host, and a token for the other modules
version_added: 1.0.0
description:
  - Makes sure that the first administrator has the wanted password, whatever it was before, and that a file on this
    host holds a token that works.
  - The wanted password is tried once. When Grafana refuses it, the password is set with Grafana's own command line,
    which needs no old one, and tried once more. Nothing is guessed, because after five wrong passwords within five
    minutes Grafana refuses the right one too.
  - The token belongs to a service account with the role Admin. It is made when the file is missing or the token in it
    does not work any more, and never leaves the host.
  - Has to run on Grafana's host as root. Several runs at once wait for each other.
author: redisops.monitoring contributors (@redisops)
attributes:
  check_mode:
    support: partial
    description: Sends no password, and only asks whether the token works.
    details: Whether the password is the wanted one is not tried, because a wrong one would leave a trace.
  diff_mode:
    support: full
    description: Says what becomes of password and token, and never shows them.
  idempotent:
    support: full
    description: Run twice without O(set_password), the second run changes nothing.
  platform:
    support: full
    platforms: posix
    description: Hosts that run Grafana 9.1 or newer.
options:
  url:
    description: Base URL of Grafana, with its sub-path where it is served below one.
    type: str
    required: true
  url_username:
    description: Login of the first administrator, C([security] admin_user) in Grafana's configuration.
    type: str
    default: admin
  url_password:
    description: Password that this administrator shall have.
    type: str
    required: true
  set_password:
    description:
      - Set the password without trying it first. For a run that knows that it is a new one, so that not even one
        wrong try is counted. Every run with this is a change.
    type: bool
    default: false
  token_path:
    description: File for the token. It belongs to root, mode 0600.
    type: path
    required: true
  service_account:
    description: Name of the service account that the token belongs to.
    type: str
    default: redisops
  org_id:
    description:
      - Organisation that the token is for, the first one unless this is set.
      - Which one the administrator has chosen in the web pages makes no difference.
    type: int
    default: 1
  program:
    description:
      - Grafana's program.
      - Where it is missing, the command line of Grafana 9.3 and older is used, which lies beside it as C(grafana-cli).
    type: path
    default: /usr/share/grafana/bin/grafana
  homepath:
    description: Grafana's home directory.
    type: path
    default: /usr/share/grafana
  config:
    description: Grafana's configuration file. It has to say where the data lies.
    type: path
    default: /etc/grafana/grafana.ini
  user:
    description: User that Grafana runs as. Its command line is run as the same.
    type: str
    default: grafana
  ca_path:
    description: File with the CA certificates that Grafana's certificate is verified with. Without it, the host's own.
    type: path
  validate_certs:
    description: Whether to verify Grafana's certificate.
    type: bool
    default: true
  timeout:
    description: How many seconds to wait for each answer.
    type: int
    default: 10
seealso:
  - module: redisops.monitoring.grafana_datasource
  - module: redisops.monitoring.grafana_dashboard
"""

EXAMPLES = r"""
- name: Password and token
  redisops.monitoring.grafana_access:
    url: https://10.0.1.20:3000
    ca_path: /etc/prometheus/tls/ca.crt
    url_password: "{{ grafana_admin_password }}"
    token_path: /etc/redisops/grafana/token

- name: With which the other modules work
  redisops.monitoring.grafana_datasource:
    url: https://10.0.1.20:3000
    ca_path: /etc/prometheus/tls/ca.crt
    token_path: /etc/redisops/grafana/token
    uid: testdata
    state: absent
"""

RETURN = r"""
password:
  description: V(works), V(reset) when this run has set it, V(locked) when Grafana refuses it for the time being, or
    V(not tried) in check mode.
  returned: success
  type: str
token:
  description: V(works), V(made), or V(missing) in check mode.
  returned: success
  type: str
ready:
  description: Whether the other modules can work with the file. Only in check mode it may be otherwise.
  returned: success
  type: bool
"""

import contextlib
import fcntl
import os
import socket
import stat
import tempfile
import time

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _grafana as grafana

ACCOUNTS = "/api/serviceaccounts"
LOCKED = (
    "%s refuses the password of %r although it was set a moment ago: either five wrong passwords came within five"
    " minutes, then wait as long and run again, or the first administrator is not called %r, then set its name"
)


class Access:
    def __init__(self, module):
        grafana.refuse_credentials(module, "url")
        self.module, self.params = module, module.params
        self.path = self.params["token_path"]
        self.admin = self.client(url_username=self.params["url_username"], url_password=self.params["url_password"])

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
        rc, out, err = self.module.run_command(argv, data=params["url_password"] + "\n", binary_data=False, cwd="/")
        if rc != 0:
            said = [line for line in (err + "\n" + out).splitlines() if line.strip()]
            why = grafana.one_line(said[-1] if said else "exit %d" % rc)
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
        self.write(made["key"])
        for one in old:
            self.admin.request("DELETE", "%s/%d" % (tokens, one["id"]))

    def write(self, token):
        handle, temporary = tempfile.mkstemp(prefix=".redisops-", dir=os.path.dirname(self.path))
        try:
            with os.fdopen(handle, "w") as stream:  # mkstemp makes it 0600
                stream.write(token + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            os.rename(temporary, self.path)
        except BaseException:
            os.unlink(temporary)
            raise

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


def main():
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "url_username": {"type": "str", "default": "admin"},
            "url_password": {"type": "str", "required": True, "no_log": True},
            "set_password": {"type": "bool", "default": False, "no_log": False},
            "token_path": {"type": "path", "required": True, "no_log": False},
            "service_account": {"type": "str", "default": "redisops"},
            "org_id": {"type": "int", "default": 1},
            "program": {"type": "path", "default": "/usr/share/grafana/bin/grafana"},
            "homepath": {"type": "path", "default": "/usr/share/grafana"},
            "config": {"type": "path", "default": "/etc/grafana/grafana.ini"},
            "user": {"type": "str", "default": "grafana"},
            "ca_path": {"type": "path"},
            "validate_certs": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**Access(module).run())
    except grafana.GrafanaError as exc:
        module.fail_json(msg=str(exc))
    except OSError as exc:
        module.fail_json(msg="%s cannot be written: %s" % (exc.filename, exc.strerror))


if __name__ == "__main__":
    main()
