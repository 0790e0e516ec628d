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


class Sent(t.NamedTuple):
    """What Alertmanager has delivered since it started."""

    delivered: float
    failed: float
    reasons: str


class Path:
    def __init__(self, api: Api, severity: str, labels: dict[str, t.Any], wait: float, clock: t.Any) -> None:
        self.api = api
        self.wait = wait
        self.clock = clock
        self.run_id = uuid.uuid4().hex[:12]
        self.severity = severity
        self.labels = {name: str(value) for name, value in labels.items() if value not in ("", None)}
        self.labels.update(alertname=NAME, severity=severity, run=self.run_id)

    def rows(self, name: str, watchdog: bool) -> list[Row]:
        found = [self.watchdog_row(name)] if watchdog else []
        before = self.sent()
        self.post(firing=True)
        try:
            row, receivers = self.firing_row(before)
        finally:
            middle = self.sent()
            self.post(firing=False)
        found.append(row)
        if row.state == "passed":
            found.append(self.resolved_row(receivers, middle))
        return found

    def watchdog_row(self, name: str) -> Row:
        expected = "Watchdog of Prometheus is active in Alertmanager"
        active = self.alerts("alertname=Watchdog")
        found = "active" if active else "no Watchdog: Prometheus does not reach this Alertmanager, or has no rules"
        return _verify.verdict(bool(active), name, expected, found)

    def firing_row(self, before: Sent) -> tuple[Row, list[str]]:
        """Chosen receivers are known at once, the delivery after group_wait."""
        deadline = self.clock.monotonic() + self.wait
        expected = "a %s alert is delivered" % self.severity
        receivers: list[str] = []
        while True:
            mine = self.alerts("run=" + self.run_id)
            status = mine[0]["status"] if mine else {}
            receivers = sorted({each["name"] for each in mine[0]["receivers"]}) if mine else receivers
            subject = "alert to %s" % (", ".join(receivers) or "nobody")
            if status.get("state") == "suppressed":
                why = "silenced" if status.get("silencedBy") else "muted by another alert"
                return _verify.failed(subject, expected, why), receivers
            row = self.delivery(subject, expected, before)
            if row is not None:
                return row, receivers
            if self.clock.monotonic() > deadline:
                found = "accepted, but not delivered within %d s" % self.wait if mine else "Alertmanager lost it"
                return _verify.failed(subject, expected, found), receivers
            self.clock.sleep(PAUSE)

    def resolved_row(self, receivers: list[str], before: Sent) -> Row:
        deadline = self.clock.monotonic() + self.wait
        subject, expected = "end of the alert to %s" % ", ".join(receivers), "its end is delivered"
        while True:
            row = self.delivery(subject, expected, before)
            if row is not None:
                return row
            if self.clock.monotonic() > deadline:
                return _verify.failed(subject, expected, "not delivered within %d s" % self.wait)
            self.clock.sleep(PAUSE)

    def delivery(self, subject: str, expected: str, before: Sent) -> Row | None:
        now = self.sent()
        if now.failed > before.failed:
            return _verify.failed(subject, expected, "a delivery failed (%s)" % (now.reasons or "no reason known"))
        if now.delivered > before.delivered:
            return _verify.passed(subject, expected, "delivered")
        return None

    def sent(self) -> Sent:
        text = self.api.text("GET", "/metrics")
        tried = sum(value for _labels, value in counters(text, "alertmanager_notifications_total"))
        failures = [each for each in counters(text, "alertmanager_notifications_failed_total") if each[1]]
        failing = sum(value for _labels, value in counters(text, "alertmanager_notification_requests_failed_total"))
        lost = sum(value for _labels, value in failures)
        kinds = sorted({labels.get("integration", "") for labels, _value in failures})
        return Sent(tried - lost, lost + failing, ", ".join(filter(None, kinds)))

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
