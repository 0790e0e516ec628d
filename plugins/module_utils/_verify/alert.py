# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test 5: an alert reaches its receivers, and so does its end. Private.

Alertmanager says which receivers it has chosen, and counts what it has delivered by receiver; whether a person has
looked at it, it cannot know.
"""

from __future__ import annotations

import time
import typing as t
import uuid
from datetime import datetime, timedelta, timezone
from urllib.parse import urlencode

from .._alertmanager import format_time
from .._prometheus import Api, ApiError, counters
from .rows import Row, failed, passed, skipped

NAME = "VerifyAlertPath"
PAUSE = 2
WATCHDOG = 100  # seconds in which it has to show
SETTLE = 10  # seconds after group_wait in which every receiver of the first step is notified
ANONYMOUS = (
    "something was delivered, but not known to whom: set alertmanager_flags: "
    "{enable-feature: receiver-name-in-metrics} (Alertmanager 0.27 or newer)"
)
FAILED = "%s delivery failed; journalctl -u alertmanager names the cause"


class Counts(t.NamedTuple):
    """Notifications since Alertmanager started, by receiver, or by '' where it does not tell them apart."""

    delivered: dict[str, float]
    failed: dict[str, float]

    def rose(self, before: Counts) -> tuple[set[str], set[str]]:
        """Which receivers got something since, and which did not although it was tried."""
        return _rose(self.delivered, before.delivered), _rose(self.failed, before.failed)


def _rose(now: dict[str, float], before: dict[str, float]) -> set[str]:
    return {name for name, value in now.items() if value > before.get(name, 0)}


def rows(name: str, params: dict[str, t.Any], wait: float, group_wait: float) -> list[Row]:
    alert = Alert(params, wait, group_wait)
    found = [alert.watchdog_row(name)] if params["watchdog"] else []
    return found + alert.rows()


class Alert:
    def __init__(self, params: dict[str, t.Any], wait: float, group_wait: float) -> None:
        self.api = Api(params, "Alertmanager")
        self.wait = wait
        self.group_wait = group_wait
        self.run_id = uuid.uuid4().hex[:12]
        self.severity = params["severity"]
        self.labels = {name: str(value) for name, value in params["alert_labels"].items() if value not in ("", None)}
        self.labels.update(alertname=NAME, severity=self.severity, run=self.run_id)

    def watchdog_row(self, name: str) -> Row:
        """Right after a start Prometheus takes a while to find its Alertmanager and to send."""
        expected = "Watchdog of Prometheus is active in Alertmanager"
        deadline = time.monotonic() + min(self.wait, WATCHDOG)
        while not self.alerts("alertname=Watchdog"):
            if time.monotonic() > deadline:
                found = "no Watchdog: Prometheus does not reach this Alertmanager, or has no rules"
                return failed(name, expected, found)
            time.sleep(PAUSE)
        return passed(name, expected, "Watchdog of Prometheus is active")

    def rows(self) -> list[Row]:
        before = self.counts()
        self.post(firing=True)
        receivers: list[str] = []
        try:
            found = self.firing_rows(before, receivers)
            middle = self.counts()
        finally:
            self.post(firing=False)
        reached = [each for each in receivers if passed("alert to %s" % each, "delivered", "delivered") in found]
        return found + (self.delivery_rows("end to", reached, middle, self.wait) if reached else [])

    def firing_rows(self, before: Counts, receivers: list[str]) -> list[Row]:
        """Chosen receivers are known soon, the delivery after group_wait."""
        deadline = time.monotonic() + 15
        expected = "a %s alert is delivered" % self.severity
        while not receivers:
            mine = self.alerts("run=" + self.run_id)
            if mine:
                status = mine[0]["status"]
                if status["state"] == "suppressed":
                    why = "silenced" if status.get("silencedBy") else "muted by another alert"
                    return [failed("alert", expected, "Alertmanager notifies nobody: it is %s" % why)]
                receivers.extend(sorted({each["name"] for each in mine[0]["receivers"]}))
            elif time.monotonic() > deadline:
                return [failed("alert", expected, "Alertmanager takes it and does not have it")]
            else:
                time.sleep(PAUSE)
        return self.delivery_rows("alert to", receivers, before, self.group_wait + SETTLE)

    def delivery_rows(self, what: str, receivers: list[str], before: Counts, patience: float) -> list[Row]:
        """One row a receiver. Those that got nothing after `patience` seconds belong to a later step."""
        started = time.monotonic()
        while True:
            # Other receivers get other alerts in the meantime, the dead man's switch at every interval.
            delivered, undelivered = (names & {"", *receivers} for names in self.counts().rose(before))
            waited = time.monotonic() - started
            if delivered | undelivered >= set(receivers) or waited > self.wait:
                break
            if delivered | undelivered and waited > patience:
                break
            time.sleep(PAUSE)
        if "" in delivered | undelivered:
            one = failed("alert", "delivered", FAILED % "a") if undelivered else None
            return [one or skipped("alert", "delivered", ANONYMOUS)]
        return [self.delivery_row(what, name, delivered, undelivered) for name in receivers]

    def delivery_row(self, what: str, name: str, delivered: set[str], undelivered: set[str]) -> Row:
        subject = "%s %s" % (what, name)
        if name in undelivered:
            return failed(subject, "delivered", FAILED % "the")
        if name in delivered:
            return passed(subject, "delivered", "delivered")
        if delivered:
            return skipped(subject, "delivered", "notified later, if it still fires then")
        return failed(subject, "delivered", "not delivered within %d s" % self.wait)

    def counts(self) -> Counts:
        text = self.api.text("GET", "/metrics")
        tried = _by_receiver(text, "alertmanager_notifications_total")
        failures = _by_receiver(text, "alertmanager_notifications_failed_total")
        retried = _by_receiver(text, "alertmanager_notification_requests_failed_total")
        delivered = {name: value - failures.get(name, 0) for name, value in tried.items()}
        names = set(failures) | set(retried)
        return Counts(delivered, {name: failures.get(name, 0) + retried.get(name, 0) for name in names})

    def alerts(self, matcher: str) -> list[dict[str, t.Any]]:
        found = self.api.ask("GET", "/api/v2/alerts?" + urlencode({"filter": matcher}))
        if not isinstance(found, list):
            raise ApiError("Alertmanager at %s does not answer with a list of alerts" % self.api.url)
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
