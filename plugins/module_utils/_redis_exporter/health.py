# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the exporter that runs is the wanted one and reaches Redis, and if not, why not. Private."""

from __future__ import annotations

import hashlib
import time
import typing as t

from ansible_collections.redisops.monitoring.plugins.module_utils import _journal, _redis, _systemd, _tls
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter import advice
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.ending import why_ended
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.exporter import Exporter
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.metrics import Metrics, Unreachable
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.settings import BadInput

if t.TYPE_CHECKING:  # pragma: no cover
    from ansible.module_utils.basic import AnsibleModule

# Causes that may pass by themselves while one waits.
PASSING = ("loading", "hung", "refused", "connect_timeout", "closed", "maxclients")


class Look(t.NamedTuple):
    """What one look at the exporter found."""

    problem: str = ""
    final: bool = False  # waiting does not help
    metrics: Metrics | None = None


def run(module: AnsibleModule, exporter: Exporter) -> dict[str, t.Any]:
    """Wait until it is healthy. In check mode nothing was started that could be waited for."""
    if module.check_mode:
        return exporter.facts()
    deadline = time.monotonic() + module.params["wait"]
    while True:
        found = look(module, exporter)
        if not found.problem:
            break
        if found.final or time.monotonic() > deadline:
            raise BadInput("redis_exporter at %s: %s" % (exporter.url, found.problem))
        time.sleep(0.2)
    return dict(exporter.facts(), version=t.cast(Metrics, found.metrics).version)


def is_healthy(module: AnsibleModule, exporter: Exporter) -> bool:
    """Whether the exporter that runs already is what is wanted: then nothing has to be waited for."""
    unit = exporter.options["unit"]
    return _systemd.unit_state(module, unit).active and not look(module, exporter).problem


def look(module: AnsibleModule, exporter: Exporter) -> Look:
    wanted, unit = exporter.options["version"], exporter.options["unit"]
    try:
        running = exporter.metrics()
    except Unreachable as err:
        return why_silent(module, unit, err)
    up = running.value("up")
    if up is None:
        return Look("what answers there is not redis_exporter; set redis_exporter_port", final=True)
    if up != 1:
        return why_down(module, exporter)
    if not running.runs(wanted):
        return Look("version %s runs, not %s; restart %s" % (running.version, wanted, unit))
    if running.value("cluster_enabled") == 1 and running.value("cluster_state") is None:
        module.warn(
            "redis_exporter at %s: no redis_cluster_state, though this Redis is a cluster node; grant +cluster|info "
            "to %s, or set redis_exporter_acl_manage" % (exporter.url, exporter.user)
        )
    return Look(metrics=running)


def why_silent(module: AnsibleModule, unit: str, err: Unreachable) -> Look:
    state = _systemd.unit_state(module, unit)
    if state.active:
        return Look("it runs but gives no metrics: %s" % err, err.final)
    if not state.found:
        return Look("there is no unit %s; run the role first" % state.unit, final=True)
    if state.active_state == "activating" and state.sub_state == "start":
        return Look("it is still starting")
    journal = "\n".join(_journal.messages(unit, since="-2min", lines=200))
    return Look(why_ended(state.result, state.exit_status, journal), final=True)


def why_down(module: AnsibleModule, exporter: Exporter) -> Look:
    """The exporter says `unknown network` whatever happened, so ask Redis with its files and its account."""
    target = exporter.target()
    try:
        if target.tls:
            advice.check_files(target)
        exporter.try_account(module.warn)
    except _tls.FileProblem as err:
        return Look("redis_up 0: %s" % err, final=True)
    except _redis.RedisProblem as err:
        refined = refine(exporter, err)
        text = advice.explain(refined) if refined else exporter.explain(err)
        return Look("redis_up 0: %s" % text, final=err.cause not in PASSING)
    return Look(
        "redis_up 0, though Redis accepts this account and these files: the running process has older ones, or "
        "redis_exporter_allow_from keeps it from Redis; restart %s" % exporter.options["unit"]
    )


def refine(exporter: Exporter, err: _redis.RedisProblem) -> _redis.RedisProblem | None:
    """WRONGPASS says little to the one who is refused; an administrator sees which of its causes it is."""
    if err.cause != "wrongpass" or not exporter.options["acl_admin_password"]:
        return None
    digest = hashlib.sha256(exporter.options["redis_password"].encode("utf-8")).hexdigest()
    try:
        with _redis.Client(exporter.target(admin=True)) as admin:
            cause = _redis.refine_login(admin, exporter.user, digest)
    except _redis.RedisProblem:
        return None
    texts = {
        "user_unknown": "there is no ACL user %s",
        "user_disabled": "the ACL user %s is switched off",
        "wrongpass": "the ACL user %s has another password",
    }
    return _redis.RedisProblem(cause, exporter.target(), texts[cause] % exporter.user) if cause else None
