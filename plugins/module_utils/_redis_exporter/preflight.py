# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would keep the exporter from working on this host, found before anything is changed. Private."""

from __future__ import annotations

import ipaddress
import os
import typing as t

from ansible_collections.redisops.monitoring.plugins.module_utils import _host_status, _redis, _systemd, _tls
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter import address, advice, health
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.exporter import Exporter
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.settings import BadInput

if t.TYPE_CHECKING:  # pragma: no cover
    from ansible.module_utils.basic import AnsibleModule

ISSUED = "/etc/redisops/tls/"  # where role certificates puts them


def run(module: AnsibleModule, exporter: Exporter) -> dict[str, t.Any]:
    warn_of_settings(module, exporter)
    check_systemd(module)
    check_web_files(module, exporter)
    check_port(module, exporter)
    check_redis(module, exporter)
    return dict(exporter.facts(), healthy=health.is_healthy(module, exporter))


def warn_of_settings(module: AnsibleModule, exporter: Exporter) -> None:
    options = exporter.options
    for warning in exporter.flag_warnings:
        module.warn(warning)
    if options["web_username"] and not exporter.web_tls:
        module.warn(
            "redis_exporter_web_password crosses the network in clear text; set redis_exporter_web_tls_cert_file "
            "and redis_exporter_web_tls_key_file"
        )
    if ipaddress.ip_address(exporter.listen).is_unspecified:
        module.warn("redis_exporter_listen_address: %s listens on public addresses too" % exporter.listen)
    if options["redis_password"] and not exporter.redis.tls:
        module.warn(
            "redis_exporter_redis_addr: over %s:// the password crosses in clear text; write rediss:// with a TLS port"
            % exporter.redis.scheme
        )
    if exporter.redis.tls and options["skip_tls_verification"]:
        module.warn(
            "redis_exporter_skip_tls_verification: anyone between exporter and Redis can take the password; "
            "give Redis' certificate the SAN %s, or set redis_exporter_tls_server_name"
            % exporter.target().verified_name
        )


def check_systemd(module: AnsibleModule) -> None:
    problem = _host_status.systemd_problem(module)
    if problem:
        raise BadInput(problem)


def check_web_files(module: AnsibleModule, exporter: Exporter) -> None:
    options = exporter.options
    if not exporter.web_tls:
        return
    what = "redis_exporter_web_tls_cert_file"
    pair = (options["web_tls_cert_file"], options["web_tls_key_file"])
    if module.check_mode and pair[0].startswith(ISSUED) and not os.path.exists(pair[0]):
        module.warn("check mode: not checked, %s: %s is issued in a real run" % (what, pair[0]))
        return
    certificate = _tls.check_pair(*pair, what)
    warn_of_expiry(module, certificate, pair[0])
    name = options["web_tls_server_name"]
    if name or not ipaddress.ip_address(exporter.listen).is_unspecified:
        _tls.check_covers(certificate, name or exporter.listen, pair[0], what)
    ca = options["web_client_ca_file"]
    if not ca:
        return
    _tls.check_ca(ca, "redis_exporter_web_client_ca_file")
    cert, key = exporter.client_pair()
    _tls.check_pair(cert, key, "redis_exporter_web_client_cert_file")
    if not _tls.accepts_client(ca, cert, key, *pair):
        raise BadInput(
            "redis_exporter_web_client_ca_file: %s does not accept the client certificate %s; set "
            "redis_exporter_web_client_cert_file to one that it signed" % (ca, cert)
        )


def check_port(module: AnsibleModule, exporter: Exporter) -> None:
    port = exporter.options["port"]
    owner = address.port_owner(exporter.listen, port)
    state = _systemd.unit_state(module, exporter.options["unit"])
    if owner is None or state.active and owner[0] in (0, state.main_pid):
        return
    pid, name = owner
    by = "%s (process %d)" % (name, pid) if pid else "another program"
    raise BadInput("port %d of %s is taken by %s; stop it, or set redis_exporter_port" % (port, exporter.listen, by))


def check_redis(module: AnsibleModule, exporter: Exporter) -> None:
    target = exporter.target()
    if target.tls:
        certificate = advice.check_files(target)
        if certificate:
            warn_of_expiry(module, certificate, target.cert_file)
    if exporter.options["acl_managed"]:
        try:
            with _redis.Client(exporter.target(admin=True)) as client:
                client.check("ACL", "GETUSER", exporter.options["redis_user"])
        except _redis.RedisProblem as err:
            raise BadInput(advice.explain(err, admin=True)) from None
    else:
        try:
            exporter.try_account(module.warn)
        except _redis.RedisProblem as err:
            raise BadInput(exporter.explain(err)) from None
    shown = _redis.server_certificate(target) if target.tls else None
    if shown:
        warn_of_expiry(module, shown, "of Redis at %s" % target.url)


def warn_of_expiry(module: AnsibleModule, certificate: _tls.Certificate, what: str) -> None:
    days = certificate.days_left()
    if 0 < days < module.params["warn_days"]:
        module.warn("the certificate %s expires in %d days, on %s" % (what, days, certificate.not_after_text))
