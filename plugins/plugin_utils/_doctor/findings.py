# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every finding that doctor knows: where it breaks, how bad it is, and its cause in one line. Private."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

# From Redis to the person who looks. What breaks first explains what comes after it.
HOPS = (
    "inventory",
    "host",
    "redis",
    "redis_tls",
    "redis_acl",
    "exporter",
    "network",
    "node_exporter",
    "prometheus",
    "probes",
    "alertmanager",
    "grafana",
    "person",
)
NODE_HOPS = HOPS[: HOPS.index("network") + 1]
# Why a connection does not come about, in words.
REASONS = {
    "refused": "connection refused",
    "filtered": "no answer",
    "unreachable": "no route",
    "name_unknown": "the name does not resolve",
}
SEVERITIES = ("error", "warning", "info")


class Service(t.NamedTuple):
    hop: str
    unit: str
    tag: str  # in the playbooks
    title: str


SERVICES = {
    "prometheus": Service("prometheus", "prometheus.service", "prometheus", "Prometheus"),
    "alertmanager": Service("alertmanager", "alertmanager.service", "alertmanager", "Alertmanager"),
    "blackbox_exporter": Service("probes", "blackbox_exporter.service", "blackbox_exporter", "blackbox_exporter"),
    "grafana": Service("grafana", "grafana-server.service", "grafana", "Grafana"),
}
# What runs on every host beside them; it explains nothing about Redis.
NODE_EXPORTER = Service("node_exporter", "node_exporter.service", "node_exporter", "node_exporter")
ALL_SERVICES = dict(SERVICES, node_exporter=NODE_EXPORTER)

ERRORS = {
    "inventory": {
        "group_empty": "the inventory has no host in the group %(group)s",
        "wrong_host": "this is a Redis node; Grafana and Prometheus live on %(home)s",
        "settings_unreadable": "what the inventory says of this host contradicts itself or is incomplete",
    },
    "host": {
        "host_unreachable": "the host cannot be reached over SSH",
        "not_examined": "Ansible reaches the host but could not examine it",
        "disk_full": "the file system %(mount)s is %(how)s",
        "disk_read_only": "the file system %(mount)s is mounted read-only",
        "memory_low": "the host is out of memory, most of it is in %(program)s",
        "clock_skew": "the clock of %(whose)s is %(seconds).1f s %(direction)s",
    },
    "redis": {
        "redis_missing": "Redis does not run on this host",
        "redis_stopped": "Redis is stopped",
        "redis_crashes": "Redis does not stay up: %(reason)s",
        "redis_bad_config": "Redis does not take line %(line)s of %(path)s%(directive)s",
        "redis_files_unreadable": "the user %(user)s may not %(act)s %(stopped)s",
        "redis_data": "the data of Redis is not its user's (%(user)s): %(place)s",
        "redis_hung": "Redis takes connections and answers none%(why)s",
        "redis_script": "%(what)s has blocked Redis%(how_long)s: nobody else gets an answer",
        "redis_other_address": "Redis listens on %(where)s, and the exporter asks at %(addr)s",
        "redis_maxclients": "Redis takes no more clients",
        "cluster_fail": "the cluster cannot serve requests",
    },
    "redis_tls": {
        "redis_handshake": "Redis breaks off the TLS handshake",
        "redis_plaintext": "the port of Redis speaks no TLS",
        "redis_cert_expired": "the certificate of Redis has expired",
        "redis_cert_not_yet_valid": "the certificate of Redis is not valid yet",
        "redis_cert_name": "the certificate of Redis does not name %(name)s, which is asked for",
        "redis_cert_untrusted": "the certificate of Redis is not signed by the CA that the exporter trusts",
        "redis_cert_not_loaded": "Redis shows an old certificate: the renewed one is not loaded",
        "redis_ca_file": "the CA file of Redis cannot be used",
        "redis_key_mismatch": "certificate and key of Redis do not belong together",
        "redis_cert_file": "the certificate of Redis cannot be used",
    },
    "redis_acl": {
        "acl_user_missing": "Redis has no ACL user %(user)s",
        "acl_user_off": "the ACL user %(user)s is switched off",
        "acl_wrong_password": "the ACL user %(user)s has another password than redis_exporter_redis_password",
        "acl_login_refused": "Redis refuses the login of the exporter as %(user)s",
        "acl_right_missing": "the ACL user %(user)s lacks rights: %(grant)s",
    },
    "exporter": {
        "exporter_missing": "redis_exporter is not installed",
        "exporter_masked": "the unit redis_exporter.service is masked",
        "exporter_stopped": "redis_exporter is stopped",
        "exporter_hung": "the exporter's process is stopped (SIGSTOP): it answers nobody",
        "exporter_bad_flag": "redis_exporter does not know the flag %(flag)s",
        "exporter_port_taken": "port %(port)d is taken by %(who)s",
        "exporter_address": "the address that the exporter shall listen on (%(listen)s) is not one of this host",
        "exporter_program": "the program of the exporter cannot be run",
        "exporter_crashes": "redis_exporter does not stay up: %(reason)s",
        "exporter_files_unreadable": "the user %(user)s may not %(act)s %(stopped)s",
        "exporter_password_missing": "the exporter's password file %(path)s does not exist",
        "exporter_tls_file_missing": "the exporter's %(what)s %(path)s does not exist",
        "exporter_cert_expired": "the exporter's %(what)s has expired",
        "exporter_cert_not_yet_valid": "the exporter's %(what)s is not valid yet",
        "exporter_key_mismatch": "the exporter's %(what)s does not fit its key",
        "exporter_tls_file": "the exporter's %(what)s cannot be used",
        "exporter_cert_name": "the exporter's server certificate does not name %(name)s, which Prometheus asks for",
        "exporter_cert_untrusted": "the exporter's server certificate is not signed by the CA that Prometheus trusts",
        "exporter_cert_not_loaded": "the exporter shows an old certificate: the renewed one is not loaded",
        "exporter_client_cert_refused": "Redis refuses the exporter's client certificate",
        "exporter_ca_wrong": "the exporter trusts another CA than the one that signed the certificate of Redis",
        "exporter_scheme": "the exporter asks Redis without TLS: redis:// instead of rediss://",
        "exporter_other_redis": "the exporter asks %(addr)s, and Redis is at %(right)s",
        "exporter_settings": "the exporter's own settings fail where the wanted ones work",
        "exporter_other_address": (
            "the exporter listens on %(listen)s, where Prometheus cannot reach it; it should be %(right)s"
        ),
        "exporter_other_port": "the exporter listens on port %(port)d, and Prometheus asks port %(right)d",
        "exporter_password_stale": "the exporter uses another password than redis_exporter_redis_password",
        "exporter_web_password": "the exporter refuses redis_exporter_web_username and redis_exporter_web_password",
        "exporter_plain_http": "the exporter answers plain HTTP, and Prometheus asks for HTTPS",
        "exporter_silent": "the exporter runs and gives no metrics",
        "exporter_stale": (
            "redis_up is 0 though Redis takes the exporter's account and files: its process has older ones"
        ),
    },
    "network": {
        "sg_rule_missing": "no rule of %(groups)s lets %(monitor)s to port %(port)d of %(nodes)s",
        "route_blocked": "%(here)s has no route to %(peer)s",
        "port_filtered": "a packet filter keeps %(monitor)s from port %(port)d",
        "exporter_tls": "no TLS connection from %(monitor)s to the exporter",
    },
    "prometheus": {
        "prometheus_config_rejected": "Prometheus refused its configuration and goes on with the old one",
        "targets_file_missing": "the targets file is not there: Prometheus scrapes no Redis node",
        "targets_labels": (
            "the targets file gives %(node)s other labels than the inventory: dashboards and alerts choose by them"
        ),
        "targets_not_scraped": "Prometheus does not scrape %(nodes)s at all",
        "targets_stale": "the targets file is not what the inventory says",
        "target_address": "Prometheus asks for %(node)s at %(asked)s, and it is at %(address)s",
        "scrape_scheme": "Prometheus asks the exporters over %(found)s, and it should be %(right)s",
        "scrape_login_refused": "Prometheus does not have the password of the exporters",
        "scrape_ca_wrong": "Prometheus does not trust the exporters, or shows them a wrong certificate",
        "scrape_too_slow": "the scrape of %(node)s takes longer than its timeout",
        "rules_missing": "Prometheus has no alerting rules: no alert can fire",
        "rule_broken": "the alert %(names)s cannot be evaluated",
        "target_down": "Prometheus does not get the metrics of %(what)s",
        "remote_write_behind": "samples do not arrive at the long-term storage %(where)s: %(why)s",
        "alertmanager_not_connected": "Prometheus knows no Alertmanager: no alert reaches anybody",
        "alerts_not_arriving": "alerts of Prometheus do not arrive at Alertmanager: no alert reaches anybody",
    },
    "probes": {
        "probe_failing": (
            "the TLS probe of %(node)s fails though Redis is well: blackbox_exporter lacks the CA, certificate or route"
        ),
    },
    "alertmanager": {
        "receiver_unreachable": "Alertmanager cannot reach %(where)s, where its notifications go: %(why)s",
    },
    "grafana": {
        "grafana_token_refused": "Grafana refuses the token of its own service account",
        "datasource_missing": "Grafana has no datasource %(uid)s",
        "datasource_broken": "the datasource of Grafana does not reach Prometheus",
        "dashboard_missing": "the dashboard %(uid)s is not in Grafana",
        "dashboard_datasource": "panels of the dashboard %(title)s ask a datasource that is not ours",
        "dashboard_time_range": "the dashboard %(title)s does not show the present",
        "dashboard_variable": "the dashboard %(title)s opens with %(values)s, which is no node",
    },
    "person": {
        "admin_rule_missing": "no rule lets %(cidrs)s to port %(port)d of %(monitor)s (%(service)s)",
    },
}
WARNINGS = {
    "redis": {
        "redis_disabled": "Redis runs, and would not start again after a reboot",
        "redis_loading": "Redis loads its data set",
        "redis_memory_full": "the memory of Redis is full",
        "redis_persistence": "Redis cannot write its %(what)s",
    },
    "redis_tls": {
        "redis_files_broken": "Redis runs, and would not start again with the files it has now",
        "redis_cert_renewed": (
            "Redis still shows its old certificate, which expires in %(days)d days: the renewed one is not loaded"
        ),
        "key_readable": "every user of the host may read the private key %(path)s",
        "cert_expiring": "%(path)s expires in %(days)d days",
    },
    "exporter": {
        "exporter_other_user": "the exporter logs in to Redis as %(user)s instead of its own account %(right)s",
        "exporter_slow": (
            "the exporter takes connections of %(monitor)s and does not answer in time: it or a host has too much to"
            " do, or large packets get lost"
        ),
        "exporter_disabled": "redis_exporter runs, and would not start again after a reboot",
        "exporter_restart_due": "the exporter runs with older files than those on the host",
        "exporter_version": "redis_exporter %(found)s runs, and %(wanted)s is wanted",
        "exporter_unverified": (
            "the exporter does not verify the certificate of Redis: whoever is between them can read its password"
        ),
        "exporter_password_shown": (
            "the exporter's password is on its command line, where every user of the host reads it"
        ),
    },
    "prometheus": {
        "scrape_timeout_short": (
            "the scrape timeout of %(seconds)g s is not above the ten seconds of a TLS handshake: "
            "when Redis hangs, redis_up vanishes instead of turning 0"
        ),
        "scrape_interval_long": "a scrape every %(seconds)g s is too rare for rates over two minutes",
        "replicas_differ": "Prometheus here does not do the same as its replica on %(other)s",
        "alertmanager_away": "Prometheus reaches only some of its Alertmanagers, and not %(where)s",
    },
    "alertmanager": {
        "pages_silenced": "a silence keeps every page of the cluster (P1) from everybody until %(until)s",
        "notifications_failing": "Alertmanager cannot deliver its notifications (%(names)s)",
    },
    "grafana": {
        "grafana_unseen": (
            "datasource and dashboards could not be looked at: the token of Grafana's service account is not there"
        ),
        "datasource_changed": "the datasource asks another Prometheus than the one wanted",
        "dashboard_edited": (
            "panels of the dashboard %(title)s have other queries than those that were installed: %(count)d are gone"
        ),
    },
}
INFOS = {
    "network": {
        "security_groups_unknown": "the rules of the security groups could not be read",
    },
    "prometheus": {
        "recovering": "the last scrape of %(what)s failed, and it answers now",
        "rules_elsewhere": (
            "Prometheus is an agent: alerts come from the ruler of its store, which doctor does not look at"
        ),
    },
}
# What can happen to every service.
SERVICE_ERRORS = {
    "missing": "%(title)s is not installed",
    "masked": "the unit of %(title)s is masked",
    "stopped": "%(title)s is stopped",
    "hung": "the process of %(title)s is stopped (SIGSTOP): it answers nobody",
    "config_broken": "%(title)s does not take its configuration",
    "crashes": "%(title)s does not stay up: %(reason)s",
    "login_refused": "%(title)s refuses the user that the inventory names",
    "not_ready": "%(title)s is not ready: %(said)s",
    "other_address": "%(title)s listens on %(where)s, and it should be %(right)s",
    "cert_expired": "the certificate of %(title)s has expired",
    "cert_name": "the certificate of %(title)s does not name %(name)s",
    "cert_untrusted": "the certificate of %(title)s is not signed by the CA that is trusted",
    "cert_not_yet_valid": "the certificate of %(title)s is not valid yet",
    "scheme": "%(title)s: %(said)s, and the inventory wants the other",
    "data": "the data of %(title)s is not its user's (%(user)s): %(place)s",
    "file": "%(title)s is given a file that cannot be used: %(path)s",
    "config_refused": "%(title)s refused its configuration and goes on with the old one",
    "silent": "%(title)s runs and does not answer: %(said)s",
}
SERVICE_WARNINGS = {
    "starting": "%(title)s is still starting",
    "next_start": "%(title)s runs, and would not take its configuration at the next start",
    "disabled": "%(title)s runs, and would not start again after a reboot",
    "edited": (
        "%(paths)s was edited by hand, or its role has not run since the inventory or the collection changed: its next"
        " run puts its own lines back"
    ),
    "restart_due": "%(title)s runs with older files than those on the host",
}


def _catalogue():
    """id: (hop, severity, cause)"""
    for severity, hops in (("error", ERRORS), ("warning", WARNINGS), ("info", INFOS)):
        for hop, causes in hops.items():
            for ident, cause in causes.items():
                yield ident, (hop, severity, cause)
    for severity, causes in (("error", SERVICE_ERRORS), ("warning", SERVICE_WARNINGS)):
        for service, about in ALL_SERVICES.items():
            for what, cause in causes.items():
                yield "%s_%s" % (service, what), (about.hop, severity, cause)


FINDINGS = dict(_catalogue())


@dataclass
class Finding:
    """One thing that is wrong, what was seen of it, and how to fix it."""

    ident: str
    host: str
    evidence: list
    fix: list
    facts: dict
    hop: str
    severity: str
    consequences: list = field(default_factory=list)

    @property
    def cause(self):
        return FINDINGS[self.ident][2] % self.facts

    def key(self):
        return SEVERITIES.index(self.severity), HOPS.index(self.hop), self.host, self.ident

    def plain(self):
        """As the report has it."""
        return {
            "id": self.ident,
            "severity": self.severity,
            "hop": self.hop,
            "host": self.host,
            "hosts": list(dict.fromkeys([self.host, *filter(None, self.facts.get("nodes", "").split(", "))])),
            "cause": self.cause,
            "evidence": self.evidence,
            "cure": self.fix,
            "consequences": self.consequences,
        }


class Symptom(t.NamedTuple):
    """What is seen further down: it belongs to the errors that explain it, and is a finding only without one."""

    text: str
    explains: t.Callable  # whether a finding explains it
    otherwise: t.Iterable = ()  # what is found where none does
    severities: tuple = ("error",)  # of those that can explain it


def finding(ident, host, evidence, fix, severity=None, hop=None, **facts):
    known_hop, known_severity, dummy = FINDINGS[ident]
    evidence = [text for text in evidence if text]
    return Finding(ident, host, evidence, fix, facts, hop or known_hop, severity or known_severity)


def of_service(service, what, host, evidence, fix, **facts):
    return finding("%s_%s" % (service, what), host, evidence, fix, title=ALL_SERVICES[service].title, **facts)
