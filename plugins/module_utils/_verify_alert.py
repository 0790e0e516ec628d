# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Test 5: an alert reaches its receivers, and so does its end. Standard library only.

Private to this collection. Alertmanager tells whom it has chosen, and counts what it has delivered by the kind of
receiver; whether a person has looked at it, it cannot know.
"""

from __future__ import annotations

import typing as t
import uuid
from datetime import datetime, timedelta, timezone
from urllib.parse import urlencode

from ansible_collections.redisops.monitoring.plugins.module_utils import _verify
from ansible_collections.redisops.monitoring.plugins.module_utils._alertmanager import format_time
from ansible_collections.redisops.monitoring.plugins.module_utils._prometheus import Problem, counters

if t.TYPE_CHECKING:
    from ansible_collections.redisops.monitoring.plugins.module_utils._prometheus import Api
    from ansible_collections.redisops.monitoring.plugins.module_utils._verify import Row

NAME = "VerifyAlertPath"
PAUSE = 2
WATCHDOG = 100  # seconds in which it has to show
SETTLE = 10  # seconds after group_wait in which everybody of the first step is told


UNTOLD = (
    "something was delivered, but not known to whom: set alertmanager_flags: "
    "{enable-feature: receiver-name-in-metrics} (Alertmanager 0.27 or newer)"
)


class Sent(t.NamedTuple):
    """What Alertmanager has delivered since it started, to the receivers that matter."""

    delivered: dict[str, float]  # by receiver, or by '' where it does not tell them apart
    failed: dict[str, float]

    def rose(self, before: Sent) -> tuple[set[str], set[str]]:
        """Who got something since, and who did not although it was tried."""
        return _rose(self.delivered, before.delivered), _rose(self.failed, before.failed)


def _rose(now: dict[str, float], before: dict[str, float]) -> set[str]:
    return {name for name, value in now.items() if value > before.get(name, 0)}


class Path:
    def __init__(
        self, api: Api, severity: str, labels: dict[str, t.Any], wait: float, group_wait: float, clock: t.Any
    ) -> None:
        self.api = api
        self.wait = wait
        self.group_wait = group_wait
        self.clock = clock
        self.run_id = uuid.uuid4().hex[:12]
        self.severity = severity
        self.labels = {name: str(value) for name, value in labels.items() if value not in ("", None)}
        self.labels.update(alertname=NAME, severity=severity, run=self.run_id)

    def rows(self, name: str, watchdog: bool) -> list[Row]:
        found = [self.watchdog_row(name)] if watchdog else []
        before = self.sent()
        self.post(firing=True)
        receivers: list[str] = []
        try:
            found.extend(self.firing_rows(before, receivers))
        finally:
            middle = self.sent()
            self.post(firing=False)
        reached = [
            each for each in receivers if _verify.passed("alert to %s" % each, "delivered", "delivered") in found
        ]
        if reached:
            found.extend(self.delivery_rows("end to", reached, middle, self.wait))
        return found

    def watchdog_row(self, name: str) -> Row:
        """Right after a start of Prometheus it takes a while until it finds its Alertmanager and tells it."""
        expected = "Watchdog of Prometheus is active in Alertmanager"
        deadline = self.clock.monotonic() + min(self.wait, WATCHDOG)
        while not self.alerts("alertname=Watchdog"):
            if self.clock.monotonic() > deadline:
                found = "no Watchdog: Prometheus does not reach this Alertmanager, or has no rules"
                return _verify.failed(name, expected, found)
            self.clock.sleep(PAUSE)
        return _verify.passed(name, expected, "Watchdog of Prometheus is active")

    def firing_rows(self, before: Sent, receivers: list[str]) -> list[Row]:
        """Chosen receivers are known soon, the delivery after group_wait."""
        deadline = self.clock.monotonic() + 15
        expected = "a %s alert is delivered" % self.severity
        while not receivers:
            mine = self.alerts("run=" + self.run_id)
            if mine:
                status = mine[0]["status"]
                if status["state"] == "suppressed":
                    why = "silenced" if status.get("silencedBy") else "muted by another alert"
                    return [_verify.failed("alert", expected, "Alertmanager tells nobody: it is %s" % why)]
                receivers.extend(sorted({each["name"] for each in mine[0]["receivers"]}))
            elif self.clock.monotonic() > deadline:
                return [_verify.failed("alert", expected, "Alertmanager takes it and does not have it")]
            else:
                self.clock.sleep(PAUSE)
        return self.delivery_rows("alert to", receivers, before, self.group_wait + SETTLE)

    def delivery_rows(self, what: str, receivers: list[str], before: Sent, patience: float) -> list[Row]:
        """One row a receiver. After `patience` seconds those who were not told yet are those of a later step."""
        started = self.clock.monotonic()
        while True:
            # Others are told of other things in the meantime, the dead man's switch at every interval.
            delivered, failed = (names & {"", *receivers} for names in self.sent().rose(before))
            waited = self.clock.monotonic() - started
            if delivered | failed >= set(receivers) or waited > self.wait:
                break
            if delivered | failed and waited > patience:
                break
            self.clock.sleep(PAUSE)
        anonymous = "" in delivered | failed
        if anonymous:
            if failed:
                return [
                    _verify.failed(
                        "alert", "delivered", "a delivery failed; journalctl -u alertmanager names the cause"
                    )
                ]
            return [_verify.skipped("alert", "delivered", UNTOLD)]
        return [self.delivery_row(what, name, delivered, failed) for name in receivers]

    def delivery_row(self, what: str, name: str, delivered: set[str], failed: set[str]) -> Row:
        subject = "%s %s" % (what, name)
        if name in failed:
            return _verify.failed(
                subject, "delivered", "the delivery failed; journalctl -u alertmanager names the cause"
            )
        if name in delivered:
            return _verify.passed(subject, "delivered", "delivered")
        if delivered:
            return _verify.skipped(subject, "delivered", "told later, if it still fires then")
        return _verify.failed(subject, "delivered", "not delivered within %d s" % self.wait)

    def sent(self) -> Sent:
        text = self.api.text("GET", "/metrics")
        tried = _by_receiver(text, "alertmanager_notifications_total")
        failed = _by_receiver(text, "alertmanager_notifications_failed_total")
        retried = _by_receiver(text, "alertmanager_notification_requests_failed_total")
        delivered = {name: value - failed.get(name, 0) for name, value in tried.items()}
        names = set(failed) | set(retried)
        return Sent(delivered, {name: failed.get(name, 0) + retried.get(name, 0) for name in names})

    def alerts(self, matcher: str) -> list[dict[str, t.Any]]:
        found = self.api.ask("GET", "/api/v2/alerts?" + urlencode({"filter": matcher}))
        if not isinstance(found, list):
            raise Problem("Alertmanager at %s does not answer with a list of alerts" % self.api.url)
        return found

    def post(self, firing: bool) -> None:
        now = datetime.now(timezone.utc)
        end = now + timedelta(seconds=2 * self.wait + 60) if firing else now
        alert = {
            "labels": self.labels,
            "annotations": {
                "summary": "Test of the alert path: nothing is wrong, nothing is to be done",
                "description": "Sent by the playbook redisops.monitoring.verify; it ends by itself.",
            },
            "startsAt": format_time(now if firing else now - timedelta(seconds=1)),
            "endsAt": format_time(end),
        }
        self.api.ask("POST", "/api/v2/alerts", [alert])


def _by_receiver(text: str, metric: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for labels, value in counters(text, metric):
        name = labels.get("receiver_name", "")
        found[name] = found.get(name, 0) + value
    return found
