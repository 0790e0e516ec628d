#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_exporter_check
short_description: Tell whether redis_exporter can work on a Redis node, or why it does not
version_added: 1.0.0
description:
  - With O(check=preflight) it looks for everything that would keep redis_exporter from working, before anything is
    changed. These are systemd, the settings and flags, certificates and keys, the address and port to listen on,
    and the connection to Redis with the very files and account that the exporter is to use.
  - With O(check=health) it waits until the running exporter reports that it reaches Redis and has the wanted version.
    When that does not come, it asks Redis itself for the cause, because the exporter reports the same error for all.
  - It changes nothing. An error is one line that names the cause and the cure.
  - The role P(redisops.monitoring.redis_exporter#role) runs it first and last.
author: redisops.monitoring contributors (@redisops)
attributes:
  check_mode:
    support: full
    description: With O(check=health) nothing is waited for, as nothing was started.
  diff_mode:
    support: none
    description: It changes nothing.
  idempotent:
    support: full
    description: It changes nothing.
  platform:
    support: full
    platforms: posix
    description: Linux with systemd 247 or newer.
options:
  check:
    description: What to look at.
    type: str
    choices: [preflight, health]
    required: true
  version:
    description: Version of redis_exporter.
    type: str
    required: true
  unit:
    description: The systemd unit of the exporter.
    type: str
    default: redis_exporter.service
  flags:
    description: Flags wanted by name, without the leading dashes.
    type: dict
    default: {}
  default_flags:
    description: Flags that are set unless O(flags) says otherwise. Versions that lack one run without it.
    type: dict
    default: {}
  known_flags:
    description:
      - Every known flag, with C(since), the version it came with, and C(type), which is V(bool), V(int), V(duration) or
        V(str).
      - Without it, O(flags) are taken as they are.
    type: dict
    default: {}
  known_flags_to:
    description: Newest version that O(known_flags) is complete for.
    type: str
    default: 1.88.0
  redis_addr:
    description: Address of Redis, C(rediss://HOST:PORT).
    type: str
    required: true
  redis_user:
    description: ACL user of the exporter.
    type: str
    default: ""
  redis_password:
    description: Its password.
    type: str
    default: ""
  acl_managed:
    description:
      - Whether the user is created after the preflight. The account in O(acl_admin_user) is tried then instead.
    type: bool
    default: false
  acl_rules:
    description: Rules of the user, for the line that error messages show.
    type: list
    elements: str
    default: []
  acl_admin_user:
    description: Account that may manage ACL users.
    type: str
    default: ""
  acl_admin_password:
    description: Its password.
    type: str
    default: ""
  tls_ca_file:
    description: CA certificates to verify Redis with. Empty for those of the host.
    type: str
    default: ""
  tls_cert_file:
    description: Client certificate.
    type: str
    default: ""
  tls_key_file:
    description: Key of the client certificate.
    type: str
    default: ""
  tls_server_name:
    description: Name the certificate of Redis has to carry. Empty for the host in O(redis_addr).
    type: str
    default: ""
  skip_tls_verification:
    description: Do not verify the certificate of Redis.
    type: bool
    default: false
  listen_address:
    description: Address for the exporter to listen on. Empty to find it out.
    type: str
    default: ""
  private_address:
    description: Private address of the host as the inventory has it. Taken when O(listen_address) is empty.
    type: str
    default: ""
  connection_address:
    description:
      - Address that Ansible connects to. Taken when there is no other, if it is a private address of the host.
        Else the address of the default route is taken.
    type: str
    default: ""
  port:
    description: Port for the exporter to listen on.
    type: int
    default: 9121
  web_tls_cert_file:
    description: Certificate of the exporter's own port. Empty for plain HTTP.
    type: str
    default: ""
  web_tls_key_file:
    description: Its key.
    type: str
    default: ""
  web_tls_server_name:
    description: Name that scrapers verify the certificate with. Empty for the address it listens on.
    type: str
    default: ""
  web_client_ca_file:
    description: CA certificates whose client certificates may scrape. Empty for no client certificates.
    type: str
    default: ""
  web_client_cert_file:
    description: Client certificate to ask the exporter with. Empty for that of O(tls_cert_file).
    type: str
    default: ""
  web_client_key_file:
    description: Its key.
    type: str
    default: ""
  web_username:
    description: User for basic authentication at the exporter's port. Empty for none.
    type: str
    default: ""
  web_password:
    description: Its password.
    type: str
    default: ""
  allow_from:
    description: Networks that may connect. Empty for no filter.
    type: list
    elements: str
    default: []
  warn_days:
    description: Warn of certificates that expire within so many days.
    type: int
    default: 30
  timeout:
    description: Seconds to wait for an answer of Redis.
    type: int
    default: 5
  wait:
    description: Seconds to wait for O(check=health).
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Why does the exporter on this node not reach Redis?
  redisops.monitoring.redis_exporter_check:
    check: health
    version: 1.86.0
    redis_addr: rediss://127.0.0.1:6379
    redis_user: redis_exporter
    redis_password: "{{ vault_redis_exporter_password }}"
    tls_ca_file: /etc/redis_exporter/tls/ca.crt
    tls_cert_file: /etc/redis_exporter/tls/client.crt
    tls_key_file: /etc/redis_exporter/tls/client.key
    wait: 5
"""

RETURN = r"""
listen_address:
  description: The address to listen on.
  type: str
  returned: success
url:
  description: The URL of the metrics.
  type: str
  returned: success
architecture:
  description: Architecture of the host, as in the names of release archives.
  type: str
  returned: success
redis_addr:
  description: The address of Redis with its port.
  type: str
  returned: success
redis_host:
  description: Its host.
  type: str
  returned: success
redis_port:
  description: Its port.
  type: int
  returned: success
redis_tls:
  description: Whether it is asked over TLS.
  type: bool
  returned: success
flags:
  description: The flags for this version, all values as text.
  type: dict
  returned: success
healthy:
  description: Whether the exporter that runs already has this version and reaches Redis.
  type: bool
  returned: O(check=preflight)
version:
  description: The version that runs, as it reports it.
  type: str
  returned: O(check=health) outside of check mode
"""

import hashlib
import ipaddress
import os
import platform
import re
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.redisops.monitoring.plugins.module_utils import _redis, _redis_exporter, _systemd, _tls

SYSTEMD_FLOOR = 247  # LoadCredential=
# Causes that may pass by themselves while one waits.
PASSING = ("loading", "hung", "refused", "connect_timeout", "closed", "maxclients")


class Check:
    def __init__(self, module):
        self.module = module
        self.params = module.params
        params = module.params
        self.flags, self.flag_warnings = _redis_exporter.resolve_flags(
            params["version"],
            params["default_flags"],
            params["flags"],
            params["known_flags"],
            params["known_flags_to"],
        )
        self.scheme, self.host, self.port = _redis_exporter.parse_addr(params["redis_addr"])
        self.listen = _redis_exporter.listen_address(
            params["listen_address"], params["private_address"], params["connection_address"]
        )
        self.web_tls = bool(params["web_tls_cert_file"])
        unspecified = ipaddress.ip_address(self.listen).is_unspecified
        reached = _redis_exporter.loopback_of(self.listen) if unspecified else self.listen
        path = self.flags.get("web.telemetry-path", "/metrics")
        self.url = "%s://%s:%d%s" % ("https" if self.web_tls else "http", _redis.bracket(reached), params["port"], path)

    def facts(self):
        return {
            "listen_address": self.listen,
            "url": self.url,
            "architecture": _redis_exporter.ARCHITECTURES.get(platform.machine(), platform.machine()),
            "redis_addr": "%s://%s:%d" % (self.scheme, _redis.bracket(self.host), self.port),
            "redis_host": self.host,
            "redis_port": self.port,
            "redis_tls": self.scheme in _redis_exporter.TLS_SCHEMES,
            "flags": self.flags,
        }

    # -------------------------------------------------------------------------------------------- preflight

    def preflight(self):
        self.check_settings()
        self.check_systemd()
        self.check_web_files()
        self.check_port()
        self.check_redis()
        return dict(self.facts(), healthy=self.healthy())

    def healthy(self):
        """Whether the exporter that runs already is what is wanted: then nothing has to be waited for."""
        return _systemd.unit_state(self.module, self.params["unit"]).active and self.look()[0] is None

    def check_settings(self):
        params, fail = self.params, self.fail
        for warning in self.flag_warnings:
            self.module.warn(warning)
        for name, value in params.items():
            # They go into a unit file, where a second line would be a setting of its own.
            if isinstance(value, str) and any(ord(char) < 32 for char in value):
                fail("redis_exporter_%s holds a line break or another control character; remove it" % name)
        if params["redis_password"] and _redis_exporter.logs_secrets(self.flags):
            fail(
                "redis_exporter_flags: at debug level the exporter logs its Redis password; remove debug and log-level"
            )
        if params["acl_managed"] and not (params["redis_user"] and params["redis_password"]):
            fail("redis_exporter_acl_manage needs redis_exporter_redis_user and redis_exporter_redis_password")
        if params["acl_managed"] and not (params["acl_admin_user"] and params["acl_admin_password"]):
            fail("redis_exporter_acl_manage needs redis_exporter_acl_admin_user and redis_exporter_acl_admin_password")
        if bool(params["web_username"]) != bool(params["web_password"]):
            fail("redis_exporter_web_username and redis_exporter_web_password belong together: set both or none")
        self.needs("basic-auth-hash-password", params["web_username"], "redis_exporter_web_username")
        self.needs("tls-server-name", params["tls_server_name"], "redis_exporter_tls_server_name")
        if self.scheme in ("valkey", "valkeys"):
            self.needs_version("1.65.0", "the scheme %s in redis_exporter_redis_addr" % self.scheme)
        if params["web_username"] and not self.web_tls:
            self.module.warn(
                "redis_exporter_web_password crosses the network in clear text; set redis_exporter_web_tls_cert_file "
                "and redis_exporter_web_tls_key_file"
            )
        if ipaddress.ip_address(self.listen).is_unspecified:
            self.module.warn("redis_exporter_listen_address: %s listens on public addresses too" % self.listen)
        for network in params["allow_from"]:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                fail("redis_exporter_allow_from: %s is no IP address or network" % network)
        if params["allow_from"] and not _redis_exporter.is_address(self.host):
            fail(
                "redis_exporter_allow_from filters by IP address, so redis_exporter_redis_addr needs one too: "
                "replace %s by its address and set redis_exporter_tls_server_name" % self.host
            )

    def needs(self, flag, value, variable):
        if value:
            self.needs_version(
                self.params["known_flags"].get(flag, {"since": _redis_exporter.FLOOR})["since"], variable
            )

    def needs_version(self, version, what):
        parse = _redis_exporter.parse_version
        if parse(self.params["version"]) < parse(version):
            self.fail(
                "%s needs redis_exporter %s or newer, and redis_exporter_version is %s"
                % (what, version, self.params["version"])
            )

    def check_systemd(self):
        if not systemd_runs():
            self.fail("systemd does not run this host, and the exporter is a systemd service; run the role on a host")
        rc, out, _err = _systemd.systemctl(self.module, "--version")
        found = re.match(r"systemd (\d+)", out)
        if rc != 0 or not found or int(found.group(1)) < SYSTEMD_FLOOR:
            self.fail(
                "systemd %s is too old: %d or newer is needed to hand over secrets (Debian 11, Ubuntu 22.04, "
                "Amazon Linux 2023)" % (found.group(1) if found else "of this host", SYSTEMD_FLOOR)
            )
        if not root_mount_is_shared() and not self.credentials_arrive():
            self.fail(_redis_exporter.PROPAGATION)

    def credentials_arrive(self):
        """Try it with a service that ends at once: with a private root mount it depends on systemd's version."""
        program = self.module.get_bin_path("systemd-run")
        if not program:
            return True
        argv = [program, "--quiet", "--wait", "--collect", "--property=DynamicUser=yes"]
        argv += [
            "--property=LoadCredential=probe:/etc/os-release",
            "/bin/sh",
            "-c",
            'test -r "$CREDENTIALS_DIRECTORY/probe"',
        ]
        return self.module.run_command(argv)[0] == 0

    def check_web_files(self):
        params = self.params
        if bool(params["web_tls_cert_file"]) != bool(params["web_tls_key_file"]):
            self.fail(
                "redis_exporter_web_tls_cert_file and redis_exporter_web_tls_key_file belong together: set both or none"
            )
        if params["web_client_ca_file"] and not self.web_tls:
            self.fail("redis_exporter_web_client_ca_file needs redis_exporter_web_tls_cert_file and its key")
        if not self.web_tls:
            return
        what = "redis_exporter_web_tls_cert_file"
        pair = (params["web_tls_cert_file"], params["web_tls_key_file"])
        certificate = _tls.check_pair(*pair, what)
        self.warn_of_expiry(certificate, pair[0])
        name = params["web_tls_server_name"]
        if name or not ipaddress.ip_address(self.listen).is_unspecified:
            _tls.check_covers(certificate, name or self.listen, pair[0], what)
        if not params["web_client_ca_file"]:
            return
        _tls.check_ca(params["web_client_ca_file"], "redis_exporter_web_client_ca_file")
        cert, key = self.health_pair()
        if not cert:
            self.fail(
                "redis_exporter_web_client_ca_file: no client certificate to check the exporter with; set "
                "redis_exporter_web_client_cert_file and redis_exporter_web_client_key_file"
            )
        _tls.check_pair(cert, key, "redis_exporter_web_client_cert_file")
        if not _tls.accepts_client(params["web_client_ca_file"], cert, key, *pair):
            self.fail(
                "redis_exporter_web_client_ca_file: %s does not accept the client certificate %s; set "
                "redis_exporter_web_client_cert_file to one that it signed" % (params["web_client_ca_file"], cert)
            )

    def health_pair(self):
        params = self.params
        if params["web_client_cert_file"]:
            return params["web_client_cert_file"], params["web_client_key_file"]
        return params["tls_cert_file"], params["tls_key_file"]

    def check_port(self):
        owner = _redis_exporter.port_owner(self.listen, self.params["port"])
        state = _systemd.unit_state(self.module, self.params["unit"])
        if owner is None or state.active and owner[0] in (0, state.main_pid):
            return
        pid, name = owner
        by = "%s (process %d)" % (name, pid) if pid else "another program"
        self.fail(
            "port %d of %s is taken by %s; stop it, or set redis_exporter_port" % (self.params["port"], self.listen, by)
        )

    def check_redis(self):
        target = self.target()
        if target.tls:
            certificate = _redis.check_files(target)
            if certificate:
                self.warn_of_expiry(certificate, target.cert_file)
            if self.params["skip_tls_verification"]:
                self.module.warn(
                    "redis_exporter_skip_tls_verification: anyone between exporter and Redis can take the password; "
                    "give Redis' certificate the SAN %s, or set redis_exporter_tls_server_name" % target.verified_name
                )
        if self.params["acl_managed"]:
            with _redis.Client(self.target(admin=True)) as client:
                client.check("ACL", "GETUSER", self.params["redis_user"])
        else:
            self.try_account(target)
        if not target.tls and self.params["redis_password"]:
            self.module.warn(
                "redis_exporter_redis_addr: over %s:// the password crosses in clear text; write rediss:// with a TLS "
                "port" % self.scheme
            )
        shown = _redis.server_certificate(target) if target.tls else None
        if shown:
            self.warn_of_expiry(shown, "of Redis at %s" % target.url)

    def try_account(self, target):
        """Ask what a scrape asks."""
        try:
            with _redis.Client(target) as client:
                for command, lost in _redis_exporter.ASKED:
                    try:
                        client.call(*command)
                    except _redis.ReplyError as err:
                        if not str(err).startswith("NOPERM"):
                            continue  # not every Redis knows every command
                        problem = _redis.from_reply(target, str(err))
                        if lost is None:
                            raise problem from None
                        self.module.warn("%s; without it there are no %s" % (problem, lost))
        except _redis.RedisProblem as err:
            if err.cause in ("wrongpass", "noperm") and self.params["acl_rules"]:
                err.add(_redis.acl_line(target.user or "default", self.params["acl_rules"]))
            raise

    def target(self, admin=False):
        params = self.params
        return _redis.Target(
            self.host,
            self.port,
            tls=self.scheme in _redis_exporter.TLS_SCHEMES,
            server_name=params["tls_server_name"],
            verify=not params["skip_tls_verification"],
            ca_file=params["tls_ca_file"],
            cert_file=params["tls_cert_file"],
            key_file=params["tls_key_file"],
            user=params["acl_admin_user"] if admin else params["redis_user"],
            password=params["acl_admin_password"] if admin else params["redis_password"],
            timeout=params["timeout"],
            admin=admin,
        )

    def warn_of_expiry(self, certificate, what):
        days = certificate.days_left()
        if 0 < days < self.params["warn_days"]:
            self.module.warn("the certificate %s expires in %d days, on %s" % (what, days, certificate.not_after_text))

    def fail(self, text):
        raise _redis_exporter.BadInput(text)

    # ----------------------------------------------------------------------------------------------- health

    def health(self):
        if self.module.check_mode:
            return self.facts()
        deadline = time.monotonic() + self.params["wait"]
        while True:
            problem, final = self.look()
            if problem is None:
                break
            if final or time.monotonic() > deadline:
                self.fail("redis_exporter at %s: %s" % (self.url, problem))
            time.sleep(0.2)
        return dict(self.facts(), version=self.metrics.version)

    def look(self):
        """(None, ...) when all is well, else what is wrong and whether waiting is in vain."""
        try:
            self.metrics = _redis_exporter.Metrics(self.fetch(), self.flags.get("namespace", "redis"))
        except _redis_exporter.Unreachable as err:
            state = _systemd.unit_state(self.module, self.params["unit"])
            if state.active:
                return "it runs but gives no metrics: %s" % err, err.final
            if not state.found:
                return "there is no unit %s; run the role first" % state.unit, True
            if state.active_state == "activating" and state.sub_state == "start":
                return "it is still starting", False
            return _redis_exporter.why_ended(state.result, state.exit_status, self.journal()), True
        up = self.metrics.value("up")
        if up is None:
            return "what answers there is not redis_exporter; set redis_exporter_port", True
        if up != 1:
            return self.why_down()
        if not self.metrics.runs(self.params["version"]):
            return "version %s runs, not %s; restart %s" % (
                self.metrics.version,
                self.params["version"],
                self.params["unit"],
            ), False
        if self.metrics.value("cluster_enabled") == 1 and self.metrics.value("cluster_state") is None:
            self.module.warn(
                "redis_exporter at %s: no redis_cluster_state, though this Redis is a cluster node; grant "
                "+cluster|info to %s, or set redis_exporter_acl_manage"
                % (self.url, self.params["redis_user"] or "default")
            )
        return None, True

    def fetch(self):
        cert, key = self.health_pair() if self.params["web_client_ca_file"] else ("", "")
        return _redis_exporter.fetch(
            self.url,
            server_cert_file=self.params["web_tls_cert_file"],
            cert_file=cert,
            key_file=key,
            username=self.params["web_username"],
            password=self.params["web_password"],
            timeout=12 + self.params["timeout"],  # its TLS handshake with a Redis that hangs takes ten seconds
        )

    def why_down(self):
        """The exporter says `unknown network` whatever happened, so ask Redis with its files and its account."""
        target = self.target()
        try:
            if target.tls:
                _redis.check_files(target)
            self.try_account(target)
        except _tls.FileProblem as err:
            return "redis_up 0: %s" % err, True
        except _redis.RedisProblem as err:
            refined = self.refine(err)
            return "redis_up 0: %s" % refined, err.cause not in PASSING
        return (
            "redis_up 0, though Redis accepts this account and these files: the running process has older ones, or "
            "redis_exporter_allow_from keeps it from Redis; restart %s" % self.params["unit"]
        ), False

    def refine(self, err):
        """WRONGPASS says little to the one who is refused; an administrator sees which of its causes it is."""
        if err.cause != "wrongpass" or not self.params["acl_admin_password"]:
            return err
        user = self.params["redis_user"] or "default"
        digest = hashlib.sha256(self.params["redis_password"].encode("utf-8")).hexdigest()
        try:
            with _redis.Client(self.target(admin=True)) as admin:
                cause = _redis.refine_login(admin, user, digest)
        except _redis.RedisProblem:
            return err
        texts = {
            "user_unknown": "there is no ACL user %s" % user,
            "user_disabled": "the ACL user %s is switched off" % user,
            "wrongpass": "the ACL user %s has another password" % user,
        }
        return _redis.RedisProblem(cause, self.target(), texts[cause]) if cause else err

    def journal(self):
        program = self.module.get_bin_path("journalctl")
        if not program:
            return ""
        # Without --reverse some versions of systemd give the oldest lines of the time.
        argv = [program, "--unit", self.params["unit"], "--lines=200", "--output=cat", "--no-pager", "--since=-2min"]
        rc, out, _err = self.module.run_command([*argv, "--reverse"])
        return "\n".join(reversed(out.splitlines())) if rc == 0 else ""


def systemd_runs():
    return os.path.isdir("/run/systemd/system")


def root_mount_is_shared(path="/proc/self/mountinfo"):
    try:
        with open(path, encoding="utf-8") as handle:
            rows = [line.split(" - ")[0].split() for line in handle]
    except OSError:
        return True
    roots = [row[6:] for row in rows if row[4] == os.sep]
    return not roots or any(field.startswith("shared:") for field in roots[-1])


def main():
    text = {"type": "str", "default": ""}
    secret = {"type": "str", "default": "", "no_log": True}
    path = {"type": "str", "default": "", "no_log": False}
    module = AnsibleModule(
        argument_spec={
            "check": {"type": "str", "choices": ["preflight", "health"], "required": True},
            "version": {"type": "str", "required": True},
            "unit": {"type": "str", "default": "redis_exporter.service"},
            "flags": {"type": "dict", "default": {}},
            "default_flags": {"type": "dict", "default": {}},
            "known_flags": {"type": "dict", "default": {}},
            "known_flags_to": {"type": "str", "default": "1.88.0"},
            "redis_addr": {"type": "str", "required": True},
            "redis_user": text,
            "redis_password": secret,
            "acl_managed": {"type": "bool", "default": False},
            "acl_rules": {"type": "list", "elements": "str", "default": []},
            "acl_admin_user": text,
            "acl_admin_password": secret,
            "tls_ca_file": text,
            "tls_cert_file": text,
            "tls_key_file": path,
            "tls_server_name": text,
            "skip_tls_verification": {"type": "bool", "default": False},
            "listen_address": text,
            "private_address": text,
            "connection_address": text,
            "port": {"type": "int", "default": 9121},
            "web_tls_cert_file": text,
            "web_tls_key_file": path,
            "web_tls_server_name": text,
            "web_client_ca_file": text,
            "web_client_cert_file": text,
            "web_client_key_file": path,
            "web_username": text,
            "web_password": secret,
            "allow_from": {"type": "list", "elements": "str", "default": []},
            "warn_days": {"type": "int", "default": 30},
            "timeout": {"type": "int", "default": 5},
            "wait": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    try:
        check = Check(module)
        result = check.preflight() if module.params["check"] == "preflight" else check.health()
    except (_redis_exporter.BadInput, _redis.RedisProblem, _tls.FileProblem) as err:
        module.fail_json(msg=str(err))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
