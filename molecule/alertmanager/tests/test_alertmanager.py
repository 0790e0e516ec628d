# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alertmanager as Prometheus and as the receivers see it, a cluster of two."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime, timedelta, timezone

import pytest
from lab_client import ROOT, Lab, check_unit, wait

LAB = Lab("alertmanager")
FIRST, SECOND = LAB.named("monitoring")
RUNBOOK = "https://runbooks.example/RedisInstanceDown.md"
DASHBOARD = "https://grafana.example/d/redis-cluster?var-cluster=a&x=1"


def url(name):
    return f"https://{LAB.address(name)}:9093"


@pytest.fixture(scope="module", params=[FIRST, SECOND])
def host(request):
    return LAB.host(request.param)


@pytest.fixture(scope="module")
def first():
    return LAB.host(FIRST)


def call(name, path, data=None, login="admin:canary-admin"):
    return LAB.call(url(name) + path, login=login, data=data)


def alert(name, cluster, severity, over=False, **labels):
    now = datetime.now(timezone.utc)
    return {
        "labels": {
            "alertname": name, "cluster": cluster, "environment": "production", "severity": severity, **labels
        },
        "annotations": {
            "summary": f"Redis down: {labels.get('node', '?')} ({cluster}) <5 & more",
            "description": "It does not answer. First step: log in.",
            "runbook_url": RUNBOOK,
            "dashboard_url": DASHBOARD,
        },
        "startsAt": now.isoformat(),
        "endsAt": (now if over else now + timedelta(minutes=5)).isoformat(),
    }  # fmt: skip


def send(*alerts):
    """To both, as Prometheus does."""
    for name in (FIRST, SECOND):
        status, body = call(name, "/api/v2/alerts", list(alerts), login="prometheus:canary-prometheus")
        assert status == 200, body


def arrived():
    """Notifications so far, oldest first, less the Watchdog's."""
    lines = (LAB.directory / "notifications.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["path"] != "/deadman"]


def about(line, cluster):
    return cluster in json.dumps(line["body"])


def silence(*settings):
    """The playbook, as a user runs it."""
    variables = f"--extra-vars=@{ROOT}/molecule/alertmanager/vars/main.yml"
    extra = [f"--extra-vars={setting}" for setting in settings]
    done = LAB.playbook("playbooks/silence.yml", "--diff", variables, *extra)
    assert done.returncode == 0, done.output
    changed = re.search(rf"^{FIRST} +: .*changed=(\d+)", done.stdout, re.MULTILINE)[1]
    return int(changed), " ".join(done.stdout.split())


def test_unit(host):
    check_unit(host, "alertmanager.service")
    assert host.check_output("stat -c %a /var/lib/private/alertmanager") == "700"


def test_they_form_a_cluster_over_tls(first):
    status = json.loads(wait(lambda: call(FIRST, "/api/v2/status")[1]))
    assert status["versionInfo"]["version"].startswith(LAB.about["versions"]["alertmanager"][-1])
    wait(lambda: json.loads(call(FIRST, "/api/v2/status")[1])["cluster"]["status"] == "ready")
    peers = json.loads(call(SECOND, "/api/v2/status")[1])["cluster"]["peers"]
    addresses = {f"{LAB.address(name)}:9094" for name in (FIRST, SECOND)}
    assert {peer["address"] for peer in peers} == addresses
    address = LAB.address(FIRST)
    plain = first.run(f"echo | timeout 5 openssl s_client -connect {address}:9094 -CAfile /etc/prometheus/tls/ca.crt")
    assert "Verify return code: 0 (ok)" in plain.stdout  # it is TLS
    assert "Acceptable client certificate CA names" in plain.stdout  # and asks who we are


def test_web_is_closed(host):
    name = host.check_output("hostname")
    assert call(name, "/api/v2/alerts", login="")[0] == 401
    assert call(name, "/api/v2/alerts", login="admin:wrong")[0] == 401
    assert call(name, "/api/v2/alerts")[0] == 200
    listening = host.check_output("ss -ltnH 'sport = :9093'")
    assert url(name)[8:] in listening and "*:9093" not in listening and "0.0.0.0" not in listening.split()[3]


def test_notifications():
    """What is sent once at the beginning, and what arrives in the course of 40 seconds, where and how often."""
    silence(
        "silence_state=present", "silence_cluster=c-silenced", "silence_comment=test", "silence_created_by=me"
    )  # fmt: skip
    begin = time.time()
    node = {"node": "redis-node-1a", "instance": "10.0.0.1:9121"}
    firing = [
        alert("RedisInstanceDown", "c-one", "P1", **node),
        alert("RedisMemoryHigh", "c-two", "P2", **node),
        alert("RedisSwapping", "c-three", "P3", **node),
        alert("RedisSwapping", "c-four", "P4", **node),
        alert("TheirOwn", "c-other", "page", **node),
        alert("RedisInstanceDown", "c-silenced", "P1", **node),
        # One dead node of a cluster without replicas: everything else follows from the cluster's state.
        alert("RedisClusterStateFail", "c-failed", "P1"),
        alert("RedisClusterSlotsFail", "c-failed", "P1"),
        alert("RedisInstanceDown", "c-failed", "P1", **node),
        alert("RedisTargetDown", "c-failed", "P2", **node),
        alert("RedisTlsProbeFailing", "c-failed", "P1", node="redis-node-1a"),
        alert("Watchdog", "none", "none"),
    ]  # fmt: skip
    send(*firing)

    def paths(cluster):
        return sorted(line["path"] for line in arrived() if about(line, cluster))

    p1 = ["/pagerduty", "/senior/canary-senior", "/slack/canary-slack"]
    wait(lambda: paths("c-one") == p1 and paths("c-failed") == p1)
    assert paths("c-two") == ["/pagerduty", "/slack/canary-slack"]
    assert paths("c-three") == ["/slack/canary-slack"]  # within business hours
    assert paths("c-four") == []  # outside of its time interval
    assert paths("c-other") == ["/slack/canary-slack"]  # no severity of ours
    assert paths("c-silenced") == []
    for line in arrived():
        if about(line, "c-failed"):
            assert "RedisClusterStateFail" in json.dumps(line["body"])
            assert not re.search("RedisInstanceDown\\b(?!.md)|SlotsFail|TargetDown|TlsProbe", json.dumps(line["body"]))

    lines = {line["path"]: line for line in arrived() if about(line, "c-one")}
    assert lines["/pagerduty"]["time"] - begin < 20
    # The next level hears of it when it still fires after 8 s.
    assert 8 <= lines["/senior/canary-senior"]["time"] - begin < 28
    assert lines["/senior/canary-senior"]["authorization"] == "Basic"

    event = lines["/pagerduty"]["body"]
    assert (event["routing_key"], event["event_action"]) == ("canary-pagerduty", "trigger")
    assert event["payload"]["summary"] == "P1 Redis down: redis-node-1a (c-one) <5 & more"
    assert (event["payload"]["severity"], event["payload"]["component"]) == ("critical", "redis-node-1a")
    assert {link["text"]: link["href"] for link in event["links"]} == {"Runbook": RUNBOOK, "Dashboard": DASHBOARD}
    assert "First step: log in." in json.dumps(event["payload"]["custom_details"]["firing"])
    (message,) = lines["/slack/canary-slack"]["body"]["attachments"]
    assert (message["title"], message["title_link"]) == (
        "P1 Redis down: redis-node-1a (c-one) &lt;5 &amp; more",
        RUNBOOK,
    )
    assert message["color"] == "danger" and f"<{RUNBOOK}|Runbook>" in message["text"]

    # Over: told to everybody who heard of it, marked as such.
    over = time.time()
    for each in firing:
        each["endsAt"] = datetime.now(timezone.utc).isoformat()
    send(*[each for each in firing if each["labels"]["alertname"] != "Watchdog"])
    wait(lambda: paths("c-one") == sorted(p1 * 2) and paths("c-failed") == sorted(p1 * 2))
    assert paths("c-two") == sorted(["/pagerduty", "/slack/canary-slack"] * 2)
    assert paths("c-four") == paths("c-silenced") == []
    ended = {line["path"]: line["body"] for line in arrived() if about(line, "c-one") and line["time"] > over}
    assert ended["/pagerduty"]["event_action"] == "resolve"
    assert ended["/slack/canary-slack"]["attachments"][0]["title"].startswith("RESOLVED P1 Redis down:")
    assert ended["/slack/canary-slack"]["attachments"][0]["color"] == "good"
    assert ended["/senior/canary-senior"]["status"] == "resolved"


def test_the_dead_mans_switch_hears_of_the_watchdog_again_and_again():
    send(alert("Watchdog", "none", "none"))

    def beats():
        lines = map(json.loads, (LAB.directory / "notifications.jsonl").read_text().splitlines())
        return [line for line in lines if line["path"] == "/deadman" and line["authorization"] == "Bearer"]

    count = len(wait(beats))
    wait(lambda: len(beats()) >= count + 2)
    assert all(line["body"]["alerts"][0]["labels"]["alertname"] == "Watchdog" for line in beats())


def test_silences():
    node = f"redis-node-{time.time():.0f}"
    settings = ["silence_state=present", "silence_cluster=work", f"silence_node={node}", "silence_comment=disk"]
    settings.append(json.dumps({"silence_matchers": 'alertname=~"Redis.*",job!~"a{1,3}"'}))
    changed, output = silence(*settings, "silence_duration=2h", "silence_created_by=anna")
    assert changed == 1
    assert f'alertname=~"Redis.*", cluster="work", job!~"a{{1,3}}", node="{node}" anna: disk ' in output
    assert silence(*settings, "silence_duration=2h", "silence_created_by=ben")[0] == 0

    def held():
        return [each for each in json.loads(call(SECOND, "/api/v2/silences")[1]) if node in json.dumps(each)]

    (one,) = wait(held)  # the other member has it, too
    assert (one["status"]["state"], one["createdBy"]) == ("active", "anna")
    changed, output = silence(*settings, "silence_state=absent")
    assert changed == 1 and node not in output.rpartition("TASK [")[2]
    wait(lambda: held()[0]["status"]["state"] == "expired")


def test_mail_reads_well(first):
    data = {"status": "resolved", "receiver": "x", "externalURL": "http://a", "alerts": [
        dict(alert("RedisInstanceDown", "c-one", "P1", node="n<1>"), status="resolved", startsAt="2027-01-02T03:04:05Z",
             endsAt="2027-01-02T04:04:05Z")]}  # fmt: skip
    first.check_output("cat > /tmp/data.json <<'E'\n%s\nE" % json.dumps(data))

    def render(name):
        return first.check_output(
            "/opt/alertmanager/current/amtool template render --template.glob='/etc/alertmanager/templates/*.tmpl'"
            f" --template.data=/tmp/data.json --template.text='{{{{ template \"{name}\" . }}}}'"
            + (" --template.type=html" if "html" in name else "")
        )

    assert render("redisops.subject") == "RESOLVED P1 Redis down: n<1> (c-one) <5 & more"
    text = render("redisops.text")
    assert "since 2 Jan 03:04 UTC, over at 2 Jan 04:04 UTC" in text and f"Runbook: {RUNBOOK}\n" in text
    page = render("redisops.email.html")
    assert "RESOLVED P1 Redis down: n&lt;1&gt; (c-one) &lt;5 &amp; more" in page
    assert f'<a href="{RUNBOOK}">Runbook</a>' in page


def test_secrets_are_nowhere_to_be_read(host):
    done = host.run(
        "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; systemctl show alertmanager;"
        " systemctl cat alertmanager; journalctl --all --no-pager;"
        " find /etc /opt /var/lib /var/tmp /tmp -xdev -type f -perm /044 -exec cat {} + 2>/dev/null"
    )
    places = done.stdout_bytes.decode(errors="replace")
    assert "--config.file" in places and "routing_key_file" in places  # it did look
    assert sorted(set(re.findall(r"canary-\w+", places))) == []
    listed = host.check_output(
        "stat -c '%a %U %n' /etc/alertmanager/credentials /etc/alertmanager/credentials/*"
    ).splitlines()
    assert listed[0] == "700 root /etc/alertmanager/credentials"
    assert {line.rpartition("/")[2] for line in listed[1:]} == {
        "chat.slack.api_url", "cluster_tls.yml", "deadman.webhook.token", "management.email.auth_password",
        "oncall.pagerduty.routing_key", "senior.webhook.password", "senior.webhook.url", "web.yml",
    }  # fmt: skip
    assert all(line.startswith("600 root ") for line in listed[1:])
    web = host.file("/etc/alertmanager/credentials/web.yml").content_string
    assert "$2b$10$" in web and "canary" not in web
