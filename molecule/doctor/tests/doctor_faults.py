# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is broken on purpose, and what doctor has to say first. docs/doctor-faults.md is made from this table."""

from __future__ import annotations

import typing as t

NODE = "redis-node-1b"
MONITORING = "prometheus-grafana"
EXPORTER = "/etc/systemd/system/redis_exporter.service"
PROMETHEUS = "/etc/prometheus/prometheus.yml"
RESTART = "systemctl daemon-reload; systemctl restart --no-block redis_exporter"
ALERTMANAGER = "/etc/alertmanager/alertmanager.yml"
BLACKBOX = "/etc/blackbox_exporter/blackbox.yml"
GRAFANA = "/etc/grafana/grafana.ini"
RELOAD = "systemctl reload prometheus"
TARGETS_BY_HAND = "[127.0.0.1:7771, 127.0.0.1:7772, 127.0.0.1:7773]"
JOB_BY_HAND = "\\  - job_name: by_hand\\n    static_configs:\\n      - targets: " + TARGETS_BY_HAND
DASHBOARD = "redis-cluster"
TLS = "/etc/redis_exporter/tls"


class Fault(t.NamedTuple):
    name: str  # what a person did or what happened
    finding: str  # the id that doctor has to print first
    inject: t.Callable  # called with the lab
    also: tuple = ()  # further errors that have to follow
    after: t.Callable | None = None  # what the lab needs after the fix, for the next fault
    fix_needs: t.Callable | None = None  # what the lab took away that the fix may expect
    wait: float = 0.0  # seconds until the fault shows
    stand_in: str = ""  # what is not real about it
    severity: str = "error"
    tags: tuple = ()
    edit: t.Callable | None = None  # the same done to the evidence of a healthy lab, until a run has recorded it


def run(*commands, host=NODE):
    """An injection that is shell on one host."""
    line = "; ".join(commands)
    return lambda lab: lab.shell(host, line.replace("@monitoring@", lab.address(MONITORING)))


def edit(pattern, path=EXPORTER, then=RESTART, host=NODE):
    return run("sed -i '%s' %s" % (pattern, path), then, host=host)


def drop_in(unit, text, host=NODE):
    directory = "/etc/systemd/system/%s.service.d" % unit
    return run(
        "mkdir -p %s" % directory,
        "printf '%%b' '%s' > %s/fault.conf" % (text.replace("\n", "\\n"), directory),
        "systemctl daemon-reload",
        "systemctl restart --no-block %s" % unit,
        host=host,
    )


def certificate(cert, key, then, host=NODE, **options):
    """Another certificate in the place of one, with its key."""

    def inject(lab):
        lab.issue(host, cert, key, **options)
        lab.shell(host, then)

    return inject


def acl(words):
    return lambda lab: lab.redis(NODE, "ACL " + words)


def endless_script(lab):
    lab.block(NODE, "EVAL 'while true do end' 0")


def endless_function(lab):
    library = "#!lua name=doctor\\nredis.register_function('spin', function() while true do end end)"
    lab.redis(NODE, 'FUNCTION LOAD REPLACE "$(printf "%s")"' % library)
    lab.block(NODE, "FCALL spin 0")


def endless_write(lab):
    key = next(key for key in map("doctor:%d".__mod__, range(99)) if lab.redis(NODE, "SET %s 1" % key) == "OK")
    lab.block(NODE, "EVAL \"redis.call('SET', KEYS[1], 2) while true do end\" 1 " + key)


def of_root(unit, path, host=MONITORING):
    """What a restore by root leaves behind."""
    start = "systemctl start --no-block %s" % unit
    return run("systemctl stop %s" % unit, "chown -R root:root %s; chmod -R go= %s" % (path, path), start, host=host)


def squatter(lab):
    """Another program has the exporter's port."""
    serve = "python3 -m http.server 9121 --bind %s" % lab.address(NODE)
    lab.shell(
        NODE,
        "systemctl stop redis_exporter; systemd-run --quiet --collect --unit=squatter %s; sleep 1;"
        " systemctl start --no-block redis_exporter" % serve,
    )


def runbook_unit(lab):
    """The old way: files named in the unit, read by an ordinary user, in a directory that this user may not enter."""
    unit = [
        "[Service]",
        "DynamicUser=no",
        "User=daemon",
        "LoadCredential=",
        "ExecStart=",
        "ExecStart=/opt/redis_exporter/current/redis_exporter --redis.addr=rediss://127.0.0.1:6379"
        " --redis.user=redis_exporter --redis.password-file=/srv/redis-certs/redis_pwd.json"
        " --tls-ca-cert-file=/srv/redis-certs/ca.crt --tls-client-cert-file=/srv/redis-certs/client.crt"
        " --tls-client-key-file=/srv/redis-certs/client.key --tls-server-cert-file=/srv/redis-certs/server.crt"
        " --tls-server-key-file=/srv/redis-certs/server.key --basic-auth-username=prometheus"
        " --web.listen-address=%s:9121" % lab.address(NODE),
    ]
    lab.shell(
        NODE,
        "install -d -m 0700 /srv/redis-certs; cp %s/* /etc/redis_exporter/redis_pwd.json /srv/redis-certs;"
        " chgrp daemon /srv/redis-certs/*; chmod 0640 /srv/redis-certs/*" % TLS,
    )
    drop_in("redis_exporter", "\n".join(unit) + "\n")(lab)


def full_disk(lab):
    """A small disk for Prometheus' data, filled to the brim."""
    lab.shell(
        MONITORING,
        "systemctl stop prometheus; mount -t tmpfs -o size=24m tmpfs /var/lib/private/prometheus;"
        " systemctl start prometheus; sleep 2; dd if=/dev/zero of=/var/lib/private/prometheus/core.1234 bs=1M count=64"
        " 2>/dev/null || true",
    )


def small_disk_gone(lab):
    lab.shell(MONITORING, "systemctl stop prometheus; umount /var/lib/private/prometheus; systemctl start prometheus")


def silence_of_the_cluster(lab):
    done = lab.command(
        f"ansible-playbook redisops.monitoring.silence -i {lab.inventory_path} -e silence_state=present"
        f" -e silence_cluster=redis-prod -e silence_duration=1w -e silence_comment=maintenance"
    )
    assert done.returncode == 0, done.stdout[-2000:]


def revoke(port, group):
    return lambda lab: lab.revoke(group, port)


def evidence(change):
    """Where a lab of containers cannot be broken for real: the evidence of a healthy one, edited."""
    change.is_evidence = True
    return change


def skewed_clock(stack):
    stack["hosts"][MONITORING]["evidence"]["reach"][NODE]["skew"] = 42.0


def no_memory(stack):
    memory = stack["hosts"][MONITORING]["evidence"]["host"]["memory"]
    memory["available"] = memory["total"] // 50
    memory["largest"] = [{"pid": 77, "program": "prometheus", "bytes": memory["total"] // 2}]


def gone(stack):
    stack["hosts"][NODE]["evidence"] = None
    stack["hosts"][NODE]["unreachable"] = "Failed to connect to the host via ssh: Connection timed out"


def node_unit(unit, host=NODE, **changes):
    """An edit: a unit that does not run."""
    changes = {"active": False, "state": "inactive", "result": "success", "process": None, **changes}
    return lambda stack: stack["hosts"][host]["evidence"]["units"][unit].update(changes)


def at(*path, host=MONITORING, **changes):
    """An edit of one piece of evidence."""

    def edit(stack):
        holder = stack["hosts"][host]["evidence"]
        for part in path:
            holder = holder[part]
        holder.update(changes)

    return edit


def no_scrape(job, error, node=NODE, **changes):
    """An edit: a target that is down."""

    def edit(stack):
        for target in stack["hosts"][MONITORING]["evidence"]["prometheus"]["targets"]:
            if target["job"] == job and target["node"] == node:
                target.update(health="down", lastError=error, **changes)

    return edit


def edits(*all_of_them):
    def edit(stack):
        for one in all_of_them:
            one(stack)

    return edit


def account(cause, text, admin=True):
    """An edit: what Redis says to the exporter, and to the administrator."""
    answer = {"ok": False, "cause": cause, "text": "Redis at rediss://127.0.0.1:6379: " + text}
    return edits(
        at("redis", host=NODE, account=dict(answer), **({"admin": dict(answer)} if admin else {})),
        at("exporter", "metrics", host=NODE, up=0.0),
    )


def data_of_root(user, path, name, dynamic):
    foreign = [{"path": "%s/%s" % (path, name), "mode": "0600", "owner": "root", "group": "root"}]
    return {"path": path, "user": user, "dynamic": dynamic, "foreign": foreign, "count": 4}


def data_edit(unit, path, name, dynamic=True):
    """An edit: a service that does not start, since its data belongs to root."""
    found = {unit + ".service": data_of_root(path.rpartition("/")[2], path, name, dynamic)}

    def edit(stack):
        node_unit(unit + ".service", MONITORING, state="activating", sub_state="auto-restart", result="exit-code")(
            stack
        )
        stack["hosts"][MONITORING]["evidence"].setdefault("data", {}).update(found)

    return edit


def edited(path, *lines, jobs=()):
    """An edit: a file that is not what its role writes."""

    def edit(stack):
        found = {path: {"lines": list(lines), "jobs": list(jobs)}}
        stack["hosts"][MONITORING]["evidence"].setdefault("edited", {}).update(found)

    return edit


def job_by_hand(stack):
    targets = stack["hosts"][MONITORING]["evidence"]["prometheus"]["targets"]
    down = dict(targets[0], job="by_hand", node="", endpoint="", health="down", lastError="connection refused")
    targets += [dict(down, instance="127.0.0.1:777%d" % number) for number in (1, 2, 3)]


SHA1 = "694a5fe1ddb97a4c6a1bf299d9537c7d3d0f84e7"  # of a script


def blocked(kind, name):
    """An edit: Redis while a script or function runs without end."""

    def edit(stack):
        said = "BUSY Redis is busy running a script. You can only call %s KILL or SHUTDOWN NOSAVE." % kind.upper()
        account("busy", "it answers nobody (%s)" % said)(stack)
        for one in ("account", "admin"):
            stack["hosts"][NODE]["evidence"]["redis"][one].update(kind=kind, name=name, runs_for=95.2)

    return edit


def later(place):
    """An edit: a certificate file that begins tomorrow."""

    def edit(stack):
        found = stack["hosts"][NODE]["evidence"][place[0]]["files"][place[1]]
        found["not_before"] = stack["time"] + 86400 * 2
        found["problem"] = "the certificate %s is not valid yet; check this host's clock" % found["path"]
        if place[0] == "redis":
            stack["hosts"][NODE]["evidence"]["redis"]["shown"]["not_before"] = found["not_before"]

    return edit


def no_rule(port):
    def edit(stack):
        for group in stack["security_groups"]["groups"].values():
            group["ip_permissions"] = [one for one in group["ip_permissions"] if one.get("from_port") != port]

    return edit


def dropped(stack):
    """The way to the exporter with a packet filter in it."""
    evidence = stack["hosts"][MONITORING]["evidence"]
    way = evidence["reach"][NODE]
    evidence["reach"][NODE] = dict(
        url=way["url"], answered=False, cause="filtered", error="no answer in time", route=""
    )
    rule = "ip saddr %s tcp dport 9121 drop" % stack["hosts"][MONITORING]["address"]
    stack["hosts"][NODE]["evidence"]["packet_filter"] = [
        {
            "rule": "inet fault input: " + rule,
            "hook": "input",
            "undo": "sudo nft delete rule inet fault input handle 2",
        }
    ]


def file_handed(path, problem):
    """An edit: what systemd hands to the services of the monitoring host."""

    def edit(stack):
        for files in stack["hosts"][MONITORING]["evidence"]["handed"].values():
            for one in files.values():
                if one["path"] == path:
                    one["problem"] = problem % path

    return edit


def label(stack):
    for one in stack["hosts"][MONITORING]["evidence"]["files"]["prometheus"].values():
        one["text"] = one["text"].replace("cluster: redis-prod", "cluster: redis-staging")


def nobody_scraped(stack):
    prometheus = stack["hosts"][MONITORING]["evidence"]["prometheus"]
    prometheus["targets"] = [one for one in prometheus["targets"] if one["job"] != "redis-cluster"]


def refused_by(service, said, path, managed=True):
    """An edit: what the program's own check says."""
    return at("checks", service, said=[said], files=[{"path": path, "managed": managed}])


def plain_settings(stack):
    stack["hosts"][NODE]["evidence"]["redis"]["settings"].update({"tls-port": "0", "port": "6379"})


def full_of_clients(stack):
    for one in ("account", "admin"):
        most = [{"address": "127.0.0.1", "count": 40}]
        stack["hosts"][NODE]["evidence"]["redis"][one].update(clients={"all": 40, "most": most}, log=[])
    stack["hosts"][NODE]["evidence"]["redis"]["settings"]["maxclients"] = "40"


NOT_YAML = "parsing YAML file %s: yaml: line 80: did not find expected node content"


def wrong_group(lab):
    lab.inventory("wrong-group.yml", {"monitoring": {"hosts": {NODE: {}}}})


def dashboard(change):
    """Somebody saves a dashboard with a change."""

    def inject(lab):
        model = lab.grafana("GET", "/api/dashboards/uid/" + DASHBOARD)
        change(model["dashboard"])
        lab.grafana(
            "POST",
            "/api/dashboards/db",
            {"dashboard": model["dashboard"], "folderUid": model["meta"]["folderUid"], "overwrite": True},
        )

    return inject


def old_node(model):
    for variable in model["templating"]["list"]:
        if variable["name"] == "instance":
            variable["current"] = {"selected": True, "text": ["10.0.9.9:9121"], "value": ["10.0.9.9:9121"]}


def other_datasource(model):
    panel = next(one for one in model["panels"] if one.get("targets"))
    panel["datasource"] = {"type": "prometheus", "uid": "staging"}


def other_query(model):
    panel = next(one for one in model["panels"] if one.get("targets"))
    panel["targets"][0]["expr"] = "vector(1)"


def other_password(lab):
    """Grafana's stored password for Prometheus is another one."""
    stored = lab.grafana("GET", "/api/datasources/uid/prometheus")
    lab.grafana(
        "PUT", "/api/datasources/uid/prometheus", dict(stored, secureJsonData={"basicAuthPassword": "an-old-password"})
    )


def no_more_clients(lab):
    """Somebody's pool has all the connections."""
    pool = (
        'import socket, time; pool = [socket.create_connection(("127.0.0.1", 6379)) for _ in range(40)];'
        " time.sleep(900)"
    )
    lab.shell(
        NODE,
        "echo 'maxclients 40' >> /etc/redis/redis.conf; systemctl restart redis-server; sleep 1;"
        " systemd-run --quiet --collect --unit=squatter python3 -c '%s'" % pool,
    )


def datasource(lab):
    stored = lab.grafana("GET", "/api/datasources/uid/prometheus")
    lab.grafana("PUT", "/api/datasources/uid/prometheus", dict(stored, url="https://127.0.0.1:19090"))


def both(*injections):
    def inject(lab):
        for one in injections:
            one(lab)

    return inject


def refresh(lab):
    lab.shell(NODE, "rm -f /etc/systemd/system/redis_exporter.service.d/fault.conf; rm -rf /srv/redis-certs")
    lab.shell(NODE, "systemctl daemon-reload; systemctl restart redis_exporter")


REDIS_TLS = ("/etc/redis/tls/server.crt", "/etc/redis/tls/server.key")
EXPORTER_TLS = (TLS + "/server.crt", TLS + "/server.key")
RESTART_REDIS = "systemctl restart --no-block redis-server"
FAULTS = (
    # --- the seven issues of the old runbook, with their true causes
    Fault(
        "Issue 1: the exporter is given redis:// instead of rediss://",
        "exporter_scheme",
        edit("s#redis.addr=rediss://#redis.addr=redis://#"),
        wait=1,
    ),
    Fault(
        "Issue 2: a flag that the exporter does not know",
        "exporter_bad_flag",
        edit("s#^ExecStart=/opt/redis_exporter/current/redis_exporter#& --skip-verify=true#"),
        wait=1,
    ),
    Fault(
        "Issue 2, behind it: the certificate of Redis does not name 127.0.0.1",
        "redis_cert_name",
        certificate(*REDIS_TLS, RESTART_REDIS, sans="DNS:" + NODE),
        wait=2,
    ),
    Fault(
        "Issue 3: no security-group rule for the administrators", "admin_rule_missing", revoke(3000, "prometheus-sg")
    ),
    Fault(
        "Issue 4: no security-group rule for the exporters",
        "sg_rule_missing",
        revoke(9121, "redis-cluster-sg"),
        stand_in="AWS is moto, whose rules stop no packet",
    ),
    Fault(
        "Issue 4, otherwise: the node has no route to the monitoring host",
        "route_blocked",
        lambda lab: lab.shell(NODE, "ip route add blackhole %s" % lab.address(MONITORING)),
    ),
    Fault("Issue 6: a Redis node in the group monitoring", "wrong_host", wrong_group),
    Fault(
        "Issue 7: the exporter's client certificate is not there",
        "exporter_tls_file_missing",
        run("rm %s/client.crt" % TLS, RESTART),
        wait=1,
    ),
    Fault(
        "Issue 7, otherwise: a directory that the exporter's user may not enter",
        "exporter_files_unreadable",
        runbook_unit,
        after=refresh,
        wait=1,
    ),
    # --- Redis
    Fault("Redis is stopped", "redis_stopped", run("systemctl stop redis-server")),
    Fault("Redis hangs (SIGSTOP)", "redis_hung", run("systemctl kill --signal=STOP redis-server")),
    Fault(
        "Redis crash-loops: a line of redis.conf that it does not know",
        "redis_bad_config",
        run("echo 'no-such-setting yes' >> /etc/redis/redis.conf", RESTART_REDIS),
        wait=2,
    ),
    Fault(
        "Redis listens on its private address only",
        "redis_other_address",
        run("sed -i 's/^\\(bind [0-9.]*\\).*/\\1/' /etc/redis/redis.conf", RESTART_REDIS),
        after=lambda lab: (
            lab.undo_variables()
            or lab.shell(
                NODE, "sed -i 's/^bind [0-9.]*/& 127.0.0.1/' /etc/redis/redis.conf; systemctl restart redis-server"
            )
        ),
        wait=2,
    ),
    Fault(
        "The certificate of Redis has expired",
        "redis_cert_expired",
        certificate(*REDIS_TLS, RESTART_REDIS, days=-1),
        wait=2,
    ),
    Fault(
        "The certificate of Redis was renewed on disk and not loaded",
        "redis_cert_not_loaded",
        both(
            certificate(*REDIS_TLS, "systemctl restart redis-server", days=-1),
            certificate(*REDIS_TLS, "true"),
        ),
        wait=1,
    ),
    Fault(
        "The certificate of Redis was renewed in time and not loaded",
        "redis_cert_renewed",
        both(
            certificate(*REDIS_TLS, "systemctl restart redis-server", days=10),
            certificate(*REDIS_TLS, "true"),
        ),
        wait=1,
        severity="warning",
        edit=lambda stack: stack["hosts"][NODE]["evidence"]["redis"]["shown"].update(
            fingerprint="0ld", not_after=int(stack["time"]) + 10 * 86400
        ),
    ),
    Fault(
        "The certificate of Redis comes from another CA",
        "redis_cert_untrusted",
        certificate(*REDIS_TLS, RESTART_REDIS, ca="other"),
        wait=2,
    ),
    Fault(
        "Certificate and key of Redis do not belong together",
        "redis_key_mismatch",
        certificate(REDIS_TLS[0], "", RESTART_REDIS),
        wait=2,
    ),
    Fault(
        "Redis may not enter the directory of its certificates",
        "redis_files_unreadable",
        run("chown root:root /etc/redis/tls; chmod 0700 /etc/redis/tls", RESTART_REDIS),
        wait=2,
    ),
    Fault("A script without end blocks Redis", "redis_script", endless_script, wait=7, edit=blocked("script", SHA1)),
    Fault(
        "A function without end blocks Redis",
        "redis_script",
        endless_function,
        wait=7,
        after=lambda lab: lab.redis(NODE, "FUNCTION DELETE doctor"),
        edit=blocked("function", "spin"),
    ),
    Fault(
        "A script that has written blocks Redis, which does not end it",
        "redis_script",
        endless_write,
        wait=7,
        edit=blocked("script", SHA1),
    ),
    Fault(
        "The data of Redis belongs to root, as after a restore",
        "redis_data",
        of_root("redis-server", "/var/lib/redis/*", NODE),
        wait=2,
        edit=edits(
            node_unit("redis-server.service", state="activating", result="exit-code", exit_status=1),
            account("refused", "connection refused: nothing listens there"),
            at("redis", host=NODE, data=data_of_root("redis", "/var/lib/redis", "dump.rdb", dynamic=False)),
        ),
    ),
    # --- the ACL user
    Fault("The ACL user of the exporter is gone", "acl_user_missing", acl("DELUSER redis_exporter")),
    Fault("The ACL user of the exporter is switched off", "acl_user_off", acl("SETUSER redis_exporter off")),
    Fault(
        "The ACL user of the exporter has another password",
        "acl_wrong_password",
        acl("SETUSER redis_exporter resetpass '>another-password'"),
    ),
    Fault(
        "The ACL user of the exporter may not run CLUSTER INFO",
        "acl_right_missing",
        acl("SETUSER redis_exporter '-cluster|info'"),
    ),
    # --- the exporter
    Fault("The exporter is stopped", "exporter_stopped", run("systemctl stop redis_exporter")),
    Fault("The exporter hangs (SIGSTOP)", "exporter_hung", run("systemctl kill --signal=STOP redis_exporter")),
    Fault(
        "The exporter was removed",
        "exporter_missing",
        run("systemctl disable --now redis_exporter", "rm %s" % EXPORTER, "systemctl daemon-reload"),
    ),
    Fault(
        "The exporter's unit is masked",
        "exporter_masked",
        run("mv %s /root/" % EXPORTER, "systemctl mask --now redis_exporter"),
        fix_needs=run("rm -f %s; mv /root/redis_exporter.service %s" % (EXPORTER, EXPORTER)),
    ),
    Fault(
        "The exporter's program is not there",
        "exporter_program",
        run(
            "systemctl stop redis_exporter",
            "mv $(readlink -f /opt/redis_exporter/current/redis_exporter) /root/",
            "systemctl start --no-block redis_exporter",
        ),
        wait=1,
    ),
    Fault(
        "The exporter listens on 127.0.0.1",
        "exporter_other_address",
        edit("s#listen-address=[0-9.]*:#listen-address=127.0.0.1:#"),
        wait=1,
    ),
    Fault("Another program has the exporter's port", "exporter_port_taken", squatter, wait=2),
    Fault(
        "The exporter has an old password",
        "exporter_password_stale",
        run('sed -i \'s/: "[^"]*/: "an-old-password/g\' /etc/redis_exporter/redis_pwd.json', RESTART),
        wait=1,
    ),
    Fault(
        "The certificate of the exporter has expired",
        "exporter_cert_expired",
        certificate(*EXPORTER_TLS, RESTART, days=-1),
        wait=1,
    ),
    Fault(
        "The certificate of the exporter does not name the node's address",
        "exporter_cert_name",
        certificate(*EXPORTER_TLS, RESTART, sans="DNS:" + NODE),
        wait=1,
    ),
    Fault(
        "The certificate of the exporter comes from another CA",
        "exporter_cert_untrusted",
        certificate(*EXPORTER_TLS, RESTART, ca="other"),
        wait=1,
    ),
    Fault(
        "Certificate and key of the exporter do not belong together",
        "exporter_key_mismatch",
        certificate(EXPORTER_TLS[0], "", RESTART),
        wait=1,
    ),
    Fault(
        "Redis trusts another CA than the one of the exporter's client certificate",
        "exporter_client_cert_refused",
        certificate(TLS + "/client.crt", TLS + "/client.key", RESTART, ca="other", usage="client"),
        wait=1,
    ),
    # --- Prometheus
    Fault("Prometheus is stopped", "prometheus_stopped", run("systemctl stop prometheus", host=MONITORING)),
    Fault(
        "Prometheus hangs (SIGSTOP)", "prometheus_hung", run("systemctl kill --signal=STOP prometheus", host=MONITORING)
    ),
    Fault(
        "Prometheus crash-loops: its configuration is no YAML",
        "prometheus_config_broken",
        run("echo '  nonsense: [' >> %s" % PROMETHEUS, "systemctl restart --no-block prometheus", host=MONITORING),
        wait=2,
    ),
    Fault(
        "Prometheus refused a configuration and goes on with the old one",
        "prometheus_config_rejected",
        run("echo '  nonsense: [' >> %s" % PROMETHEUS, "systemctl reload prometheus", host=MONITORING),
        wait=1,
    ),
    Fault(
        "The targets file lacks a node and names one that is gone",
        "targets_stale",
        run("sed -i 's/:9121/:9122/;0,/9122/b' /etc/prometheus/targets/redis-cluster.yml", host=MONITORING),
        wait=6,
    ),
    Fault(
        "Prometheus asks the exporters over http",
        "scrape_scheme",
        edit("0,/scheme: https/s//scheme: http/", PROMETHEUS, "systemctl reload prometheus", MONITORING),
        wait=1,
    ),
    Fault(
        "Prometheus has another password than the exporters",
        "scrape_login_refused",
        run(
            "echo an-old-password > /etc/prometheus/credentials/exporter_password",
            "systemctl restart prometheus",
            host=MONITORING,
        ),
        wait=33,
    ),
    Fault(
        "The scrape timeout is as short as a TLS handshake of the exporter",
        "scrape_timeout_short",
        edit("s/scrape_timeout: 20s/scrape_timeout: 8s/", PROMETHEUS, "systemctl reload prometheus", MONITORING),
        wait=1,
        severity="warning",
    ),
    Fault(
        "Prometheus knows no Alertmanager",
        "alertmanager_not_connected",
        edit("/^alerting:/,/^[a-z_]*:$/{/^alerting:/d;/^ /d}", PROMETHEUS, "systemctl reload prometheus", MONITORING),
        wait=1,
    ),
    Fault(
        "The disk of Prometheus is full",
        "disk_full",
        full_disk,
        after=small_disk_gone,
        stand_in="a tmpfs of 24 MiB instead of an EBS volume",
    ),
    Fault(
        "The data of Prometheus belongs to root, as after a restore",
        "prometheus_data",
        of_root("prometheus", "/var/lib/private/prometheus/*"),
        wait=2,
        edit=data_edit("prometheus", "/var/lib/private/prometheus", "wal"),
    ),
    Fault(
        "A job was added to prometheus.yml by hand, and its three targets are down",
        "prometheus_edited",
        run("sed -i '/^scrape_configs:/a %s' %s" % (JOB_BY_HAND, PROMETHEUS), RELOAD, host=MONITORING),
        wait=35,
        severity="warning",
        edit=edits(edited(PROMETHEUS, "line 13:   - job_name: by_hand", jobs=["by_hand"]), job_by_hand),
    ),
    Fault(
        "A threshold was changed in a rule file by hand",
        "prometheus_edited",
        run("sed -i '0,/ > /s// > 1000 + /' /etc/prometheus/rules/redis_load.yml", RELOAD, host=MONITORING),
        wait=1,
        severity="warning",
        edit=edited("/etc/prometheus/rules/redis_load.yml", "line 9:         expr: 1 > 1000 + 0"),
    ),
    Fault(
        "A user was added to the web configuration of Prometheus by hand",
        "prometheus_edited",
        run("echo '  somebody: x' >> /etc/prometheus/credentials/web.yml", host=MONITORING),
        severity="warning",
        edit=edited("/etc/prometheus/credentials/web.yml"),
    ),
    # --- the rest of the stack
    Fault("Alertmanager is stopped", "alertmanager_stopped", run("systemctl stop alertmanager", host=MONITORING)),
    Fault(
        "Alertmanager hangs (SIGSTOP)",
        "alertmanager_hung",
        run("systemctl kill --signal=STOP alertmanager", host=MONITORING),
    ),
    Fault(
        "blackbox_exporter is stopped",
        "blackbox_exporter_stopped",
        run("systemctl stop blackbox_exporter", host=MONITORING),
    ),
    Fault(
        "alertmanager.yml was edited by hand",
        "alertmanager_edited",
        edit("0,/group_wait: .*/s//group_wait: 10m/", ALERTMANAGER, "systemctl reload alertmanager", MONITORING),
        severity="warning",
        edit=edited(ALERTMANAGER, "not there:   group_wait: 45s", "line 20:   group_wait: 10m"),
    ),
    Fault(
        "blackbox.yml was edited by hand",
        "blackbox_exporter_edited",
        edit("0,/timeout: .*/s//timeout: 9s/", BLACKBOX, "systemctl reload blackbox_exporter", MONITORING),
        severity="warning",
        edit=edited(BLACKBOX, "line 3:     timeout: 9s"),
    ),
    Fault(
        "The data of Alertmanager belongs to root, as after a restore",
        "alertmanager_data",
        of_root("alertmanager", "/var/lib/private/alertmanager/*"),
        wait=2,
        edit=data_edit("alertmanager", "/var/lib/private/alertmanager", "nflog"),
    ),
    # --- Grafana
    Fault(
        "The data of Grafana belongs to root, as after a restore",
        "grafana_data",
        of_root("grafana-server", "/var/lib/grafana"),
        wait=4,
        edit=data_edit("grafana-server", "/var/lib/grafana", "grafana.db", dynamic=False),
    ),
    Fault("Grafana is stopped", "grafana_stopped", run("systemctl stop grafana-server", host=MONITORING)),
    Fault(
        "Grafana hangs (SIGSTOP)", "grafana_hung", run("systemctl kill --signal=STOP grafana-server", host=MONITORING)
    ),
    Fault(
        "Issue 3, otherwise: Grafana listens on 127.0.0.1",
        "grafana_other_address",
        edit("s/^http_addr *=.*/http_addr = 127.0.0.1/", GRAFANA, "systemctl restart grafana-server", MONITORING),
    ),
    Fault(
        "Issue 5: a dashboard opens with a time range in the past",
        "dashboard_time_range",
        dashboard(lambda model: model.update(time={"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"})),
    ),
    Fault("Issue 5, otherwise: a dashboard opens with a node that is gone", "dashboard_variable", dashboard(old_node)),
    Fault("Issue 5, otherwise: a panel asks another datasource", "dashboard_datasource", dashboard(other_datasource)),
    Fault(
        "A panel was edited in the web pages: it shows 1, whatever happens",
        "dashboard_edited",
        dashboard(other_query),
        severity="warning",
        edit=edits(
            lambda stack: stack["hosts"][MONITORING]["wanted"].update(
                queries={DASHBOARD: ['min(redis_up{job="redis-cluster"})']}
            ),
            at("grafana", "dashboards", DASHBOARD, queries=["vector(1)"]),
        ),
    ),
    Fault("The datasource of Grafana points elsewhere", "datasource_broken", datasource),
    Fault(
        "The datasource of Grafana was deleted",
        "datasource_missing",
        lambda lab: lab.grafana("DELETE", "/api/datasources/uid/prometheus"),
    ),
    Fault(
        "A dashboard was deleted",
        "dashboard_missing",
        lambda lab: lab.grafana("DELETE", "/api/dashboards/uid/" + DASHBOARD),
    ),
    Fault(
        "The stored password of the datasource is wrong",
        "datasource_broken",
        other_password,
        edit=at("grafana", "datasource", healthy=False, said="401 Unauthorized"),
    ),
    Fault(
        "The token of Grafana's service account is gone",
        "grafana_unseen",
        run("rm /etc/redisops/grafana/token", host=MONITORING),
        severity="warning",
        edit=at("grafana", no_token="/etc/redisops/grafana/token", login={}, datasource={}, dashboards={}),
    ),
    # --- what else goes wrong at night
    Fault(
        "A packet filter on the node drops the exporter's port",
        "port_filtered",
        run(
            "nft add table inet fault",
            "nft add chain inet fault input '{ type filter hook input priority 0; }'",
            "nft add rule inet fault input ip saddr @monitoring@ tcp dport 9121 drop",
        ),
        after=run("nft delete table inet fault"),
        edit=dropped,
    ),
    Fault(
        "node_exporter is stopped",
        "node_exporter_stopped",
        run("systemctl stop node_exporter"),
        edit=edits(
            node_unit("node_exporter.service"), no_scrape("node", "dial tcp: connection refused", now="refused")
        ),
    ),
    Fault(
        "No security-group rule for node_exporter",
        "sg_rule_missing",
        revoke(9100, "redis-cluster-sg"),
        stand_in="AWS is moto, whose rules stop no packet",
        edit=no_rule(9100),
    ),
    Fault(
        "Redis speaks plaintext",
        "redis_plaintext",
        run("sed -i 's/^tls-port .*/tls-port 0/; s/^port .*/port 6379/' /etc/redis/redis.conf", RESTART_REDIS),
        wait=2,
        edit=edits(account("plaintext_port", "the port speaks plaintext Redis, not TLS"), plain_settings),
    ),
    Fault(
        "Redis takes no more clients",
        "redis_maxclients",
        no_more_clients,
        wait=2,
        after=run(
            "systemctl stop squatter; sed -i '/^maxclients/d' /etc/redis/redis.conf; systemctl restart redis-server"
        ),
        edit=edits(account("closed", "the connection was closed during the TLS handshake"), full_of_clients),
    ),
    Fault(
        "The CA file of Redis is empty",
        "redis_ca_file",
        run(": > /etc/redis/tls/ca.crt", RESTART_REDIS),
        wait=2,
        edit=edits(
            node_unit("redis-server.service", state="activating", result="exit-code", exit_status=1),
            account("refused", "connection refused: nothing listens there"),
            at("redis", "files", "redis_ca", host=NODE, problem="/etc/redis/tls/ca.crt is empty"),
        ),
    ),
    Fault(
        "The certificate of Redis is not valid yet",
        "redis_cert_not_yet_valid",
        certificate(*REDIS_TLS, RESTART_REDIS, begins=2),
        wait=2,
        edit=edits(account("not_yet_valid", "its certificate is not valid yet"), later(("redis", "redis_server"))),
    ),
    Fault(
        "The certificate of the exporter is not valid yet",
        "exporter_cert_not_yet_valid",
        certificate(*EXPORTER_TLS, RESTART, begins=2),
        wait=1,
        edit=later(("exporter", "exporter_server")),
    ),
    Fault(
        "The exporter's client certificate has expired",
        "exporter_cert_expired",
        certificate(TLS + "/client.crt", TLS + "/client.key", RESTART, days=-1, usage="client"),
        wait=1,
        edit=edits(
            account("files", "the certificate has expired", admin=False),
            at(
                "exporter",
                "files",
                "exporter_client",
                host=NODE,
                problem="the certificate expired on 2026-11-26; renew it",
            ),
        ),
    ),
    Fault(
        "The CA file of the exporter is empty",
        "exporter_tls_file",
        run(": > %s/ca.crt" % TLS, RESTART),
        wait=1,
        edit=edits(
            account("files", "redis_exporter_tls_ca_file: %s/ca.crt is empty" % TLS),
            at("exporter", "files", "exporter_ca", host=NODE, problem="%s/ca.crt is empty" % TLS),
        ),
    ),
    Fault(
        "The ACL user of the exporter may not run INFO",
        "acl_right_missing",
        acl("SETUSER redis_exporter '-info'"),
        edit=at("redis", "account", host=NODE, denied=[{"command": "info", "lost": None}]),
    ),
    Fault(
        "The exporter watches another node's Redis",
        "exporter_other_redis",
        lambda lab: edit("s#redis.addr=rediss://127.0.0.1#redis.addr=rediss://%s#" % lab.address("redis-node-1a"))(lab),
        wait=1,
        edit=edits(
            at("exporter", "uses", host=NODE, addr="rediss://10.213.106.10:6379", password_as_wanted=False),
            account("auth_required", "Redis demands a login (NOAUTH)", admin=False),
        ),
    ),
    Fault(
        "Redis does not start at boot",
        "redis_disabled",
        run("systemctl disable redis-server"),
        severity="warning",
        edit=lambda stack: stack["hosts"][NODE]["evidence"]["units"]["redis-server.service"].update(enabled=False),
    ),
    Fault(
        "The exporter does not start at boot",
        "exporter_disabled",
        run("systemctl disable redis_exporter"),
        severity="warning",
        edit=at("units", "redis_exporter.service", host=NODE, enabled=False),
    ),
    Fault(
        "The CA file of the monitoring host is empty",
        "prometheus_file",
        run(": > /etc/prometheus/tls/ca.crt", "systemctl restart prometheus", host=MONITORING),
        wait=2,
        edit=file_handed("/etc/prometheus/tls/ca.crt", "%s is empty"),
    ),
    Fault(
        "The certificate of the monitoring host has expired",
        "prometheus_cert_expired",
        certificate(
            "/etc/prometheus/tls/server.crt",
            "/etc/prometheus/tls/server.key",
            "systemctl restart prometheus",
            host=MONITORING,
            days=-1,
        ),
        wait=2,
        edit=file_handed("/etc/prometheus/tls/server.crt", "the certificate %s expired on 2026-11-26; renew it"),
    ),
    Fault(
        "Prometheus listens on 127.0.0.1",
        "prometheus_other_address",
        edit(
            "s#listen-address=[0-9.]*:#listen-address=127.0.0.1:#",
            "/etc/systemd/system/prometheus.service",
            "systemctl daemon-reload; systemctl restart prometheus",
            MONITORING,
        ),
        wait=2,
        edit=at(
            "prometheus",
            ready={
                "url": "https://10.213.106.40:9090/-/ready",
                "answered": False,
                "cause": "refused",
                "error": "connection refused: nothing listens there",
            },
        ),
    ),
    Fault(
        "A wrong label in the targets file",
        "targets_labels",
        run(
            "sed -i 's/cluster: redis-prod/cluster: redis-staging/' /etc/prometheus/targets/redis-cluster.yml",
            host=MONITORING,
        ),
        wait=6,
        edit=label,
    ),
    Fault(
        "Prometheus reads another targets file",
        "targets_not_scraped",
        edit("s#targets/redis-cluster.yml#targets/redis.yml#", PROMETHEUS, "systemctl reload prometheus", MONITORING),
        wait=6,
        edit=nobody_scraped,
    ),
    Fault(
        "A broken rule file was put beside ours",
        "prometheus_config_rejected",
        run(
            "printf 'groups: [{name: x, rules: [{alert: X, expr: sum(}]}]\n' > /etc/prometheus/rules/by_hand.yml",
            "systemctl reload prometheus",
            host=MONITORING,
        ),
        after=run("rm /etc/prometheus/rules/by_hand.yml.broken", host=MONITORING),
        wait=1,
        edit=edits(
            at("prometheus", "runtime", reloadConfigSuccess=False),
            refused_by(
                "prometheus",
                '/etc/prometheus/rules/by_hand.yml: 1:45: group "x", rule 1, "X": could not parse expression:'
                " 1:5: parse error: unclosed left parenthesis",
                "/etc/prometheus/rules/by_hand.yml",
                managed=False,
            ),
        ),
    ),
    Fault(
        "The alerting rules are gone",
        "rules_missing",
        run("rm /etc/prometheus/rules/*.yml; systemctl reload prometheus", host=MONITORING),
        wait=1,
        edit=at("prometheus", "rules", alerting=0, watchdog=None),
    ),
    Fault(
        "Prometheus sends its alerts to a port where nobody is",
        "alerts_not_arriving",
        run(
            "sed -i '/^alerting:/,/^[a-z_]*:$/s/:9093/:9193/' %s" % PROMETHEUS,
            "systemctl reload prometheus",
            host=MONITORING,
        ),
        wait=1,
        edit=at(
            "prometheus",
            alertmanagers=["https://10.213.106.40:9193/api/v2/alerts"],
            alertmanagers_closed={"https://10.213.106.40:9193/api/v2/alerts": "refused"},
        ),
    ),
    Fault(
        "Alertmanager crash-loops: its configuration is no YAML",
        "alertmanager_config_broken",
        run(
            "echo '  nonsense: [' >> /etc/alertmanager/alertmanager.yml",
            "systemctl restart --no-block alertmanager",
            host=MONITORING,
        ),
        wait=2,
        edit=edits(
            node_unit(
                "alertmanager.service",
                host=MONITORING,
                state="activating",
                sub_state="auto-restart",
                result="exit-code",
                exit_status=1,
                journal=['level=ERROR msg="Loading configuration file failed" err="yaml: line 200: no key"'],
            ),
            refused_by(
                "alertmanager", NOT_YAML % "/etc/alertmanager/alertmanager.yml", "/etc/alertmanager/alertmanager.yml"
            ),
            at("alertmanager", ready={"url": "https://10.213.106.40:9093/-/ready", "answered": False}),
        ),
    ),
    Fault(
        "Alertmanager refused a configuration and goes on with the old one",
        "alertmanager_config_refused",
        run(
            "echo '  nonsense: [' >> /etc/alertmanager/alertmanager.yml",
            "systemctl reload alertmanager || true",
            host=MONITORING,
        ),
        wait=1,
        edit=edits(
            at("alertmanager", config_taken=False),
            refused_by(
                "alertmanager", NOT_YAML % "/etc/alertmanager/alertmanager.yml", "/etc/alertmanager/alertmanager.yml"
            ),
        ),
    ),
    Fault(
        "Alertmanager sends to an address where nobody is",
        "receiver_unreachable",
        run(
            "sed -i 's#:9099/#:9098/#' /etc/alertmanager/alertmanager.yml",
            "systemctl reload alertmanager",
            host=MONITORING,
        ),
        wait=2,
        edit=at("alertmanager", receivers=[{"where": "10.213.106.1:9098", "problem": "refused"}]),
    ),
    Fault(
        "A silence of the whole cluster, for a week, was left behind by a maintenance",
        "pages_silenced",
        silence_of_the_cluster,
        severity="warning",
        edit=at(
            "alertmanager",
            silences=[
                {
                    "id": "1f9a3c1e-6f7c-4f0e-9a55-1d1f6d1c2b3a",
                    "matchers": [{"name": "cluster", "value": "redis-prod", "isRegex": False, "isEqual": True}],
                    "until": "2026-12-04T10:00:00.000Z",
                    "by": "ubuntu",
                    "comment": "maintenance",
                }
            ],
        ),
    ),
    Fault(
        "Alertmanager was removed",
        "alertmanager_missing",
        run(
            "systemctl disable --now alertmanager",
            "rm /etc/systemd/system/alertmanager.service",
            "systemctl daemon-reload",
            host=MONITORING,
        ),
        edit=edits(
            lambda stack: stack["hosts"][MONITORING]["evidence"]["units"].update(
                {"alertmanager.service": {"found": False, "load_state": "not-found"}}
            ),
            at("alertmanager", ready={"url": "https://10.213.106.40:9093/-/ready", "answered": False}),
        ),
    ),
    # --- two at once
    Fault(
        "Two at once: Redis is stopped, and Alertmanager is",
        "redis_stopped",
        both(run("systemctl stop redis-server"), run("systemctl stop alertmanager", host=MONITORING)),
        also=("alertmanager_stopped",),
    ),
    Fault(
        "Two at once: an old password on one node, a stale targets file",
        "exporter_password_stale",
        both(
            run('sed -i \'s/: "[^"]*/: "an-old-password/g\' /etc/redis_exporter/redis_pwd.json', RESTART),
            run("sed -i '/9121/d' /etc/prometheus/targets/redis-cluster.yml", host=MONITORING),
        ),
        also=("targets_stale",),
        wait=2,
    ),
    # --- evidence only
    Fault(
        "The clock of a node is 42 s ahead",
        "clock_skew",
        evidence(skewed_clock),
        stand_in="edited evidence: containers share one clock",
    ),
    Fault(
        "The monitoring host is out of memory",
        "memory_low",
        evidence(no_memory),
        stand_in="edited evidence: containers share one memory",
    ),
    Fault(
        "A node cannot be reached over SSH",
        "host_unreachable",
        evidence(gone),
        stand_in="edited evidence: its fix starts an EC2 instance",
    ),
)
