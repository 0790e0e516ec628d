# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every finding that doctor knows: the hop that breaks, how bad it is, and its cause in one line. Private."""

from __future__ import annotations

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
SEVERITIES = ("error", "warning", "info")

SERVICES = {
    # service: (hop, unit, tag in playbooks/monitoring.yml, how it is called)
    "prometheus": ("prometheus", "prometheus.service", "prometheus", "Prometheus"),
    "alertmanager": ("alertmanager", "alertmanager.service", "alertmanager", "Alertmanager"),
    "blackbox_exporter": ("probes", "blackbox_exporter.service", "blackbox_exporter", "the prober"),
    "grafana": ("grafana", "grafana-server.service", "grafana", "Grafana"),
}
# What runs on every host beside them; it explains nothing about Redis.
HOST_SERVICES = {"node_exporter": ("node_exporter", "node_exporter.service", "node_exporter", "node_exporter")}
ALL_SERVICES = dict(SERVICES, **HOST_SERVICES)

FINDINGS = {
    # --- inventory and hosts
    "group_empty": ("inventory", "error", "the inventory has no host in the group %(group)s"),
    "wrong_host": ("inventory", "error", "this is a Redis node; Grafana and Prometheus live on %(home)s"),
    "settings_unreadable": (
        "inventory",
        "error",
        "what the inventory says of this host contradicts itself or is incomplete",
    ),
    "host_unreachable": ("host", "error", "the host cannot be reached over SSH"),
    "not_examined": ("host", "error", "Ansible reaches the host but could not examine it"),
    "disk_full": ("host", "error", "the file system %(mount)s is %(how)s"),
    "disk_read_only": ("host", "error", "the file system %(mount)s is mounted read-only"),
    "memory_low": ("host", "error", "the host is out of memory, most of it is in %(program)s"),
    "clock_skew": ("host", "error", "the clock of %(whose)s is %(seconds).1f s %(direction)s"),
    # --- Redis
    "redis_missing": ("redis", "error", "Redis does not run on this host"),
    "redis_stopped": ("redis", "error", "Redis is stopped"),
    "redis_crashes": ("redis", "error", "Redis does not stay up: %(reason)s"),
    "redis_bad_config": ("redis", "error", "Redis does not take line %(line)s of %(path)s%(directive)s"),
    "redis_files_unreadable": ("redis", "error", "the user %(user)s may not %(act)s %(stopped)s"),
    "redis_disabled": ("redis", "warning", "Redis runs, and would not start again after a reboot"),
    "redis_hung": ("redis", "error", "Redis takes connections and answers none%(why)s"),
    "redis_other_address": ("redis", "error", "Redis listens on %(where)s, and the exporter asks at %(addr)s"),
    "redis_maxclients": ("redis", "error", "Redis takes no more clients"),
    "redis_loading": ("redis", "warning", "Redis loads its data set"),
    "redis_memory_full": ("redis", "warning", "the memory of Redis is full"),
    "redis_persistence": ("redis", "warning", "Redis cannot write its %(what)s"),
    "cluster_fail": ("redis", "error", "the cluster cannot serve requests"),
    "redis_handshake": ("redis_tls", "error", "Redis breaks off the TLS handshake"),
    "redis_plaintext": ("redis_tls", "error", "the port of Redis speaks no TLS"),
    "redis_cert_expired": ("redis_tls", "error", "the certificate of Redis has expired"),
    "redis_cert_not_yet_valid": ("redis_tls", "error", "the certificate of Redis is not valid yet"),
    "redis_cert_name": ("redis_tls", "error", "the certificate of Redis does not name %(name)s, which is asked for"),
    "redis_cert_untrusted": (
        "redis_tls",
        "error",
        "the certificate of Redis is not signed by the CA that the exporter trusts",
    ),
    "redis_cert_not_loaded": ("redis_tls", "error", "Redis shows an old certificate: the renewed one is not loaded"),
    "redis_ca_file": ("redis_tls", "error", "the CA file of Redis cannot be used"),
    "redis_key_mismatch": ("redis_tls", "error", "certificate and key of Redis do not belong together"),
    "redis_cert_file": ("redis_tls", "error", "the certificate of Redis cannot be used"),
    "redis_files_broken": (
        "redis_tls",
        "warning",
        "Redis runs, and would not start again with the files it has now",
    ),
    "key_readable": ("redis_tls", "warning", "every user of the host may read the private key %(path)s"),
    "cert_expiring": ("redis_tls", "warning", "%(path)s expires in %(days)d days"),
    # --- the ACL user
    "acl_user_missing": ("redis_acl", "error", "Redis has no ACL user %(user)s"),
    "acl_user_off": ("redis_acl", "error", "the ACL user %(user)s is switched off"),
    "acl_wrong_password": (
        "redis_acl",
        "error",
        "the ACL user %(user)s has another password than redis_exporter_redis_password",
    ),
    "acl_login_refused": ("redis_acl", "error", "Redis refuses the login of the exporter as %(user)s"),
    "acl_right_missing": ("redis_acl", "error", "the ACL user %(user)s lacks rights: %(grant)s"),
    # --- the exporter
    "exporter_missing": ("exporter", "error", "redis_exporter is not installed"),
    "exporter_masked": ("exporter", "error", "the unit redis_exporter.service is masked"),
    "exporter_stopped": ("exporter", "error", "redis_exporter is stopped"),
    "exporter_hung": ("exporter", "error", "the exporter's process is stopped (SIGSTOP): it answers nobody"),
    "exporter_bad_flag": ("exporter", "error", "redis_exporter does not know the flag %(flag)s"),
    "exporter_port_taken": ("exporter", "error", "port %(port)d is taken by %(who)s"),
    "exporter_address": (
        "exporter",
        "error",
        "the address that the exporter shall listen on (%(listen)s) is not one of this host",
    ),
    "exporter_program": ("exporter", "error", "the program of the exporter cannot be run"),
    "exporter_crashes": ("exporter", "error", "redis_exporter does not stay up: %(reason)s"),
    "exporter_files_unreadable": ("exporter", "error", "the user %(user)s may not %(act)s %(stopped)s"),
    "exporter_password_missing": ("exporter", "error", "the exporter's password file %(path)s does not exist"),
    "exporter_tls_file_missing": ("exporter", "error", "the exporter's %(what)s %(path)s does not exist"),
    "exporter_cert_expired": ("exporter", "error", "the exporter's %(what)s has expired"),
    "exporter_cert_not_yet_valid": ("exporter", "error", "the exporter's %(what)s is not valid yet"),
    "exporter_key_mismatch": ("exporter", "error", "the exporter's %(what)s does not fit its key"),
    "exporter_tls_file": ("exporter", "error", "the exporter's %(what)s cannot be used"),
    "exporter_cert_name": (
        "exporter",
        "error",
        "the exporter's server certificate does not name %(name)s, which Prometheus asks for",
    ),
    "exporter_cert_untrusted": (
        "exporter",
        "error",
        "the exporter's server certificate is not signed by the CA that Prometheus trusts",
    ),
    "exporter_cert_not_loaded": (
        "exporter",
        "error",
        "the exporter shows an old certificate: the renewed one is not loaded",
    ),
    "exporter_client_cert_refused": ("exporter", "error", "Redis refuses the exporter's client certificate"),
    "exporter_ca_wrong": (
        "exporter",
        "error",
        "the exporter trusts another CA than the one that signed the certificate of Redis",
    ),
    "exporter_scheme": ("exporter", "error", "the exporter asks Redis without TLS: redis:// instead of rediss://"),
    "exporter_other_redis": ("exporter", "error", "the exporter asks %(addr)s, and Redis is at %(right)s"),
    "exporter_other_user": (
        "exporter",
        "warning",
        "the exporter logs in to Redis as %(user)s instead of its own account %(right)s",
    ),
    "exporter_settings": ("exporter", "error", "the exporter's own settings fail where the wanted ones work"),
    "exporter_other_address": (
        "exporter",
        "error",
        "the exporter listens on %(listen)s, where Prometheus cannot reach it; it should be %(right)s",
    ),
    "exporter_other_port": (
        "exporter",
        "error",
        "the exporter listens on port %(port)d, and Prometheus asks port %(right)d",
    ),
    "exporter_password_stale": (
        "exporter",
        "error",
        "the exporter uses another password than redis_exporter_redis_password",
    ),
    "exporter_web_password": (
        "exporter",
        "error",
        "the exporter refuses redis_exporter_web_username and redis_exporter_web_password",
    ),
    "exporter_plain_http": ("exporter", "error", "the exporter answers plain HTTP, and Prometheus asks for HTTPS"),
    "exporter_silent": ("exporter", "error", "the exporter runs and gives no metrics"),
    "exporter_stale": (
        "exporter",
        "error",
        "redis_up is 0 though Redis takes the exporter's account and files: its process has older ones",
    ),
    "exporter_disabled": ("exporter", "warning", "redis_exporter runs, and would not start again after a reboot"),
    "exporter_restart_due": ("exporter", "warning", "the exporter runs with older files than those on the host"),
    "exporter_version": ("exporter", "warning", "redis_exporter %(found)s runs, and %(wanted)s is wanted"),
    "exporter_unverified": (
        "exporter",
        "warning",
        "the exporter does not verify the certificate of Redis: whoever stands between takes its password",
    ),
    "exporter_password_shown": (
        "exporter",
        "warning",
        "the exporter's password is on its command line, where every user of the host reads it",
    ),
    # --- the way to Prometheus
    "sg_rule_missing": ("network", "error", "no rule of %(groups)s lets %(monitor)s to port %(port)d of %(nodes)s"),
    "security_groups_unknown": ("network", "info", "the rules of the security groups could not be read"),
    "route_blocked": ("network", "error", "%(here)s has no route to %(peer)s"),
    "port_filtered": ("network", "error", "a packet filter keeps %(monitor)s from port %(port)d"),
    "exporter_tls": ("network", "error", "no TLS connection from %(monitor)s to the exporter"),
    # --- Prometheus
    "prometheus_config_rejected": (
        "prometheus",
        "error",
        "Prometheus refused its configuration and goes on with the old one",
    ),
    "targets_file_missing": (
        "prometheus",
        "error",
        "the targets file is not there: Prometheus scrapes no Redis node",
    ),
    "targets_labels": (
        "prometheus",
        "error",
        "the targets file gives %(node)s other labels than the inventory: dashboards and alerts choose by them",
    ),
    "targets_not_scraped": ("prometheus", "error", "Prometheus does not scrape %(nodes)s at all"),
    "targets_stale": ("prometheus", "error", "the targets file is not what the inventory says"),
    "target_address": ("prometheus", "error", "Prometheus asks for %(node)s at %(asked)s, and it is at %(address)s"),
    "scrape_scheme": (
        "prometheus",
        "error",
        "Prometheus asks the exporters over %(found)s, and it should be %(right)s",
    ),
    "scrape_login_refused": (
        "prometheus",
        "error",
        "Prometheus does not have the password of the exporters",
    ),
    "scrape_ca_wrong": (
        "prometheus",
        "error",
        "Prometheus does not trust the exporters, or shows them a wrong certificate",
    ),
    "scrape_too_slow": ("prometheus", "error", "the scrape of %(node)s takes longer than its timeout"),
    "scrape_timeout_short": (
        "prometheus",
        "warning",
        "the scrape timeout of %(seconds)g s is not above the ten seconds of a TLS handshake: when Redis hangs, "
        "redis_up vanishes instead of turning 0",
    ),
    "scrape_interval_long": (
        "prometheus",
        "warning",
        "a scrape every %(seconds)g s is too rare for rates over two minutes",
    ),
    "rules_missing": ("prometheus", "error", "Prometheus has no alerting rules: no alert can fire"),
    "rule_broken": ("prometheus", "error", "the alert %(names)s cannot be evaluated"),
    "target_down": ("prometheus", "error", "Prometheus does not get the metrics of %(what)s"),
    "alertmanager_not_connected": (
        "prometheus",
        "error",
        "Prometheus knows no Alertmanager: no alert reaches anybody",
    ),
    "alerts_not_arriving": (
        "prometheus",
        "error",
        "alerts of Prometheus do not arrive at Alertmanager: no alert reaches anybody",
    ),
    "recovering": ("prometheus", "info", "the last scrape of %(what)s failed, and it answers now"),
    # --- the rest of the stack
    "probe_failing": (
        "probes",
        "error",
        "the TLS probe of %(node)s fails though Redis is well: the prober lacks the right CA, certificate, or way",
    ),
    "receiver_unreachable": (
        "alertmanager",
        "error",
        "Alertmanager cannot reach %(where)s, where its notifications go: %(why)s",
    ),
    "pages_silenced": (
        "alertmanager",
        "warning",
        "a silence keeps every page of the cluster (P1) from everybody until %(until)s",
    ),
    "notifications_failing": (
        "alertmanager",
        "warning",
        "Alertmanager cannot deliver its notifications (%(names)s)",
    ),
    "grafana_unseen": (
        "grafana",
        "warning",
        "datasource and dashboards could not be looked at: the token of Grafana's service account is not there",
    ),
    "grafana_token_refused": ("grafana", "error", "Grafana refuses the token of its own service account"),
    "datasource_missing": ("grafana", "error", "Grafana has no datasource %(uid)s"),
    "datasource_broken": ("grafana", "error", "the datasource of Grafana does not reach Prometheus"),
    "datasource_changed": ("grafana", "warning", "the datasource asks another Prometheus than the one wanted"),
    "dashboard_missing": ("grafana", "error", "the dashboard %(uid)s is not in Grafana"),
    "dashboard_edited": (
        "grafana",
        "warning",
        "panels of the dashboard %(title)s ask other questions than those that were installed: %(count)d are gone",
    ),
    "dashboard_datasource": ("grafana", "error", "panels of the dashboard %(title)s ask a datasource that is not ours"),
    "dashboard_time_range": ("grafana", "error", "the dashboard %(title)s does not show the present"),
    "dashboard_variable": ("grafana", "error", "the dashboard %(title)s opens with %(values)s, which is no node"),
    "admin_rule_missing": ("person", "error", "no rule lets %(cidrs)s to port %(port)d of %(monitor)s (%(service)s)"),
}
# What can happen to every service of the monitoring host.
OF_SERVICES = {
    "missing": ("error", "%(title)s is not installed"),
    "masked": ("error", "the unit of %(title)s is masked"),
    "stopped": ("error", "%(title)s is stopped"),
    "starting": ("warning", "%(title)s is still starting"),
    "hung": ("error", "the process of %(title)s is stopped (SIGSTOP): it answers nobody"),
    "config_broken": ("error", "%(title)s does not take its configuration"),
    "crashes": ("error", "%(title)s does not stay up: %(reason)s"),
    "login_refused": ("error", "%(title)s refuses the user that the inventory names"),
    "not_ready": ("error", "%(title)s is not ready: %(said)s"),
    "other_address": ("error", "%(title)s listens on %(where)s, and it should be %(right)s"),
    "cert_expired": ("error", "the certificate of %(title)s has expired"),
    "cert_name": ("error", "the certificate of %(title)s does not name %(name)s"),
    "cert_untrusted": ("error", "the certificate of %(title)s is not signed by the CA that is trusted"),
    "cert_not_yet_valid": ("error", "the certificate of %(title)s is not valid yet"),
    "scheme": ("error", "%(title)s: %(said)s, and the inventory wants the other"),
    "file": ("error", "%(title)s is given a file that cannot be used: %(path)s"),
    "config_refused": ("error", "%(title)s refused its configuration and goes on with the old one"),
    "next_start": ("warning", "%(title)s runs, and would not take its configuration at the next start"),
    "disabled": ("warning", "%(title)s runs, and would not start again after a reboot"),
    "silent": ("error", "%(title)s runs and does not answer: %(said)s"),
    "restart_due": ("warning", "%(title)s runs with older files than those on the host"),
}
FINDINGS.update(
    {
        "%s_%s" % (service, what): (about[0],) + OF_SERVICES[what]
        for service, about in ALL_SERVICES.items()
        for what in OF_SERVICES
    }
)


class Finding:
    """One thing that is wrong, what was seen of it, and how to mend it."""

    def __init__(self, ident, host, evidence, cure, facts, severity=None, hop=None):
        known_hop, known_severity, cause = FINDINGS[ident]
        self.ident = ident
        self.host = host
        self.hop = hop or known_hop
        self.severity = severity or known_severity
        self.facts = facts
        self.cause = cause % facts
        self.evidence = [text for text in evidence if text]
        self.cure = cure
        self.consequences = []

    def key(self):
        return SEVERITIES.index(self.severity), HOPS.index(self.hop), self.host, self.ident

    def plain(self):
        return {
            "id": self.ident,
            "severity": self.severity,
            "hop": self.hop,
            "host": self.host,
            "hosts": list(dict.fromkeys([self.host, *filter(None, self.facts.get("nodes", "").split(", "))])),
            "cause": self.cause,
            "evidence": self.evidence,
            "cure": self.cure,
            "consequences": self.consequences,
        }


def on(host, run):
    """A command on a host; on the host `controller` where the playbooks run."""
    return {"on": host, "run": run}


def by_hand(text, **facts):
    """What no command can do for a person; the facts say it to programs."""
    return dict({"do": text}, **facts)
