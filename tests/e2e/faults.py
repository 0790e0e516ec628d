# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fault: how it is done to a site and mended, and the one notification that has to come of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from lab_site import Site

sys.path.append(str(Path(__file__).resolve().parents[1] / "lab"))

P1, P2 = ("chat", "oncall"), ("chat", "oncall")
P3 = ("chat",)


@dataclass(frozen=True)
class Fault:
    title: str  # what is done, for the table
    alert: str  # the alert that is told; nothing else may be
    severity: str
    lane: str  # faults of one lane share a notification group: one at a time
    inject: Callable[[Site], object]  # may return the moment at which the fault begins
    mend: Callable[[Site], object]
    node: str | None = None
    detect: float = 0  # seconds until the fault can be seen at all
    scrapes: int = 1  # how many have to see it
    window: float = 0  # seconds that the rule looks back: it stays true for so long
    hold: float = 0  # seconds that it lasts after it was told, for what comes later
    keeps: bool = False  # keep_firing_for of the rule is its `for`
    exclusive: str = ""  # one at a time: these would mute each other
    lasts: float = 0.0  # seconds at least, in every profile: rules that look back would see the jump of a shorter one

    @property
    def receivers(self) -> tuple[str, ...]:
        return {"P1": P1, "P2": P2, "P3": P3}[self.severity]


# A node


def drop_in(site: Site) -> str:
    return f"/run/systemd/system/{site.redis_unit}.service.d/stay-dead.conf"


def kill(site: Site) -> None:
    """kill -9, and systemd does not start it again."""
    path = drop_in(site)
    site.on(
        site.redis[0],
        f'mkdir -p $(dirname {path}); printf "[Service]\\nRestart=no\\n" > {path}; systemctl daemon-reload;'
        f" systemctl kill --signal=KILL {site.redis_unit}",
    )


def start(site: Site) -> None:
    site.on(site.redis[0], f"rm -f {drop_in(site)}; systemctl daemon-reload; systemctl restart {site.redis_unit}")


def container(site: Site, *command: str) -> None:
    import podman

    podman.settings()
    podman.run("podman", *command, f"redisops-{site.name}-{site.redis[0]}")


def signal(name: str) -> Callable[[Site], None]:
    return lambda site: site.on(site.redis[0], f"pkill -{name} -x {site.redis_unit}") and None


# The cluster


def lose_slots(site: Site) -> None:
    first, _last = site.slots(site.redis[0])
    for host in site.redis:
        site.redis_cli(host, "CLUSTER", "DELSLOTSRANGE", str(first), str(first + 99))


def give_slots(site: Site) -> None:
    first, _last = site.slots(site.redis[0])
    site.redis_cli(site.redis[0], "CLUSTER", "ADDSLOTSRANGE", str(first - 100), str(first - 1))


# Memory


def fill(node: int, percent: float) -> Callable[[Site], float]:
    """Nearly so much at leisure, and the rest at a known moment."""

    def inject(site: Site) -> float:
        site.fill(site.redis[node], min(percent, 80) - 8)
        begin = time.time()
        site.fill(site.redis[node], percent)
        return begin

    return inject


def empty(node: int) -> Callable[[Site], None]:
    return lambda site: site.redis_cli(site.redis[node], "FLUSHALL") and None


def evict(site: Site) -> float:
    """A cache that has to do with less memory for a moment: keys go, and there is room again."""
    host = site.redis[1]
    site.fill(host, 60)
    begin = time.time()
    most = str(site.memory(host)[1])
    site.redis_cli(host, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", str(int(most) // 2))
    time.sleep(1)
    site.redis_cli(host, "CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", most)
    return begin


# The exporter


def exporter(verb: str) -> Callable[[Site], None]:
    return lambda site: site.on(site.redis[1], f"systemctl {verb} redis_exporter") and None


@contextmanager
def remembered(site: Site):
    path = site.directory / "exporter.acl"
    if not path.exists():
        (line,) = [
            line for line in site.redis_cli(site.redis[1], "ACL", "LIST").splitlines() if " redis_exporter " in line
        ]
        path.write_text(line.partition(" redis_exporter ")[2])
    yield path


def take_rights(*rest: str) -> Callable[[Site], None]:
    def inject(site: Site) -> None:
        with remembered(site):
            site.redis_cli(site.redis[1], "ACL", "SETUSER", "redis_exporter", "-@all", *rest)

    return inject


def give_rights(site: Site) -> None:
    with remembered(site) as path:
        rules = path.read_text().split()
        site.redis_cli(site.redis[1], "ACL", "SETUSER", "redis_exporter", "reset", *rules)
        path.unlink()


# Certificates


def serve(node: int, valid: timedelta) -> Callable[[Site], float | None]:
    """Redis serves another certificate of the same CA; one that is valid for minutes is there before it expires."""

    def inject(site: Site) -> float | None:
        host = site.redis[node]
        expires = datetime.now(timezone.utc) + valid
        certificate, key = issue(site, host, expires)
        directory = setting(site, host, "tls-cert-file").rpartition("/")[0]
        site.on(
            host,
            f"umask 077; cd {directory}; csplit -s - /-----BEGIN.PRIVATE/ ; mv xx00 fault.crt; mv xx01 fault.key;"
            " chown redis: fault.crt fault.key",
            certificate + key,
        )
        use(site, host, f"{directory}/fault.crt", f"{directory}/fault.key")
        if valid > timedelta(hours=1):
            return None
        time.sleep((expires - datetime.now(timezone.utc)).total_seconds())
        return expires.timestamp()

    return inject


def serve_own(node: int) -> Callable[[Site], None]:
    def mend(site: Site) -> None:
        host = site.redis[node]
        use(site, host, *(setting(site, host, name) for name in ("tls-cert-file", "tls-key-file")))

    return mend


def setting(site: Site, host: str, name: str) -> str:
    return site.on(host, site.setting(name)).strip()


def use(site: Site, host: str, certificate: str, key: str) -> None:
    site.redis_cli(host, "CONFIG", "SET", "tls-cert-file", certificate, "tls-key-file", key)


def issue(site: Site, host: str, expires: datetime) -> tuple[str, str]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    ca = x509.load_pem_x509_certificate((site.directory / "pki/ca.crt").read_bytes())
    ca_key = serialization.load_pem_private_key((site.directory / "pki/ca.key").read_bytes(), None)
    request = x509.load_pem_x509_csr((site.directory / f"pki/{host}-etc-{site.program}-tls-server.csr").read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(ca.subject, request.subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(expires - timedelta(days=365)).not_valid_after(expires)
    for extension in request.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    certificate = builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate, key.private_bytes(*plain).decode()


# Backups


def snapshot(age: timedelta) -> Callable[[Site], None]:
    """The newest snapshot of a node's volume began so long ago; the collector, which runs hourly, runs at once."""

    def inject(site: Site) -> None:
        ec2 = site.ec2()
        address = site.address[site.redis[2]]
        found = ec2.describe_instances(Filters=[{"Name": "private-ip-address", "Values": [address]}])
        (instance,) = [each for reservation in found["Reservations"] for each in reservation["Instances"]]
        begun = datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0) - age
        for mapping in instance["BlockDeviceMappings"][:1]:
            ec2.create_snapshot(VolumeId=mapping["Ebs"]["VolumeId"], Description=f"start_time={begun.isoformat()}")
        site.on(site.monitoring[0], "systemctl start aws_ebs_snapshots.service")

    return inject


# The monitoring


def break_rules(site: Site) -> None:
    site.on(
        site.monitoring[0],
        'printf "groups: [{name: x, rules: [{alert: X, expr: sum(}]}]\\n" > /etc/prometheus/rules/by_hand.yml;'
        " systemctl reload prometheus || true",
    )


def mend_rules(site: Site) -> None:
    site.on(site.monitoring[0], "rm /etc/prometheus/rules/by_hand.yml; systemctl reload prometheus")


def monitoring(verb: str, unit: str) -> Callable[[Site], None]:
    return lambda site: site.on(site.monitoring[0], f"systemctl {verb} {unit}") and None


FAULTS = {
    "node-killed": Fault(
        "Redis of a node killed (`kill -9`, stays dead)", "RedisClusterStateFail", "P1", "redis-P1", kill, start,
        detect=5, keeps=True, exclusive="cluster",
    ),
    "node-hung": Fault(
        "Redis of a node hangs (`SIGSTOP`)", "RedisClusterStateFail", "P1", "redis-P1", signal("STOP"), signal("CONT"),
        detect=5, keeps=True, exclusive="cluster",
    ),
    "host-lost": Fault(
        "Host of a node gone", "RedisClusterStateFail", "P1", "redis-P1",
        lambda site: container(site, "kill"), lambda site: container(site, "start"),
        detect=5, hold=300, keeps=True, exclusive="cluster",
    ),
    "slots-lost": Fault(
        "100 slots without a node", "RedisClusterStateFail", "P1", "redis-P1", lose_slots, give_slots,
        keeps=True, exclusive="cluster",
    ),
    "memory-critical": Fault(
        "Memory at 97 % of maxmemory", "RedisMemoryCritical", "P1", "redis-P1", fill(0, 97), empty(0),
    ),
    "certificate-expired": Fault(
        "Certificate of a node expired", "RedisTlsProbeFailing", "P1", "redis-P1",
        serve(0, timedelta(seconds=100)), serve_own(0),
    ),
    "certificate-3d": Fault(
        "Certificate of a node expires in 2 days", "RedisTlsCertExpiringCritical", "P1", "redis-P1",
        serve(0, timedelta(days=2)), serve_own(0),
    ),
    "rights-taken": Fault(
        "Exporter's user may only `PING` and `INFO`", "RedisAuthFailures", "P2", "redis-P2",
        take_rights("+ping", "+info"), give_rights, scrapes=2, window=300,
    ),
    "rights-none": Fault(
        "Exporter's user has no rights", "RedisExporterPartialScrape", "P2", "redis-P2", take_rights(), give_rights,
        lasts=320,
    ),
    "evictions": Fault(
        "Redis evicts keys for a moment", "RedisEvictingKeys", "P2", "redis-P2", evict, empty(1), window=300,
    ),
    "memory-high": Fault(
        "Memory at 87 % of maxmemory", "RedisMemoryHigh", "P2", "redis-P2", fill(1, 87), empty(1),
    ),
    "exporter-stopped": Fault(
        "Exporter of a node stopped", "RedisTargetDown", "P2", "redis-P2", exporter("stop"), exporter("start"),
        exclusive="cluster",
    ),
    "certificate-14d": Fault(
        "Certificate of a node expires in 10 days", "RedisTlsCertExpiringSoon", "P2", "redis-P2",
        serve(1, timedelta(days=10)), serve_own(1),
    ),
    "snapshot-old": Fault(
        "Newest snapshot of a volume 30 h old (collector run at once, not within the hour)", "EbsSnapshotStale", "P2",
        "redis-P2", snapshot(timedelta(hours=30)), snapshot(timedelta(minutes=5)),
    ),
    "certificate-30d": Fault(
        "Certificate of a node expires in 20 days", "RedisTlsCertExpiring", "P3", "redis-P3",
        serve(2, timedelta(days=20)), serve_own(2),
    ),
    "rules-broken": Fault(
        "Broken rule file put into Prometheus by hand", "PrometheusConfigReloadFailed", "P2", "monitoring-P2",
        break_rules, mend_rules,
    ),
    "grafana-stopped": Fault(
        "Grafana stopped", "GrafanaDown", "P3", "monitoring-P3",
        monitoring("stop", "grafana-server"), monitoring("start", "grafana-server"),
    ),
}  # fmt: skip
