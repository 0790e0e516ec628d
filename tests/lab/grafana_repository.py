# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Grafana for the lab: its own repository, a given package, or a package of the same name that holds the stand-in.

Also dashboard 11835, which states no licence and is therefore never part of this repository.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import urllib.request
from pathlib import Path

from common import BUILD, ENVIRONMENT, MIRROR, ROOT, LabError, collection, run, say, write
from mirror import ARCHITECTURE, DEFAULTS, PROBE_SECONDS, folder, told

DEFAULT = DEFAULTS["packages"]["grafana"]
UPSTREAM = os.environ.get("LAB_GRAFANA_URL", DEFAULT["repository"])
STANDIN = Path(__file__).with_name("grafana") / "grafana_standin.py"
# What the stand-in can answer as, oldest first. GRAFANA_STANDIN_FLAVOUR chooses the one that the lab installs.
FLAVOURS = {"9.4": "9.4.0", "12.4": "12.4.0"}
REPOSITORY = MIRROR / "apt.grafana.com"
DASHBOARD = MIRROR / "grafana.com/api/dashboards/11835/revisions/1/download"
DASHBOARD_URL = "https://grafana.com/api/dashboards/11835/revisions/1/download"
DASHBOARDS = Path(os.environ.get("LAB_DASHBOARDS", ROOT / "../shared/dashboards"))
NOTED = BUILD / "grafana-repository.json"

# As Grafana's own package has them.
UNIT = """\
[Unit]
Description=Grafana instance
Documentation=http://docs.grafana.org
Wants=network-online.target
After=network-online.target

[Service]
EnvironmentFile=/etc/default/grafana-server
User=grafana
Group=grafana
Type=notify
Restart=on-failure
WorkingDirectory=/usr/share/grafana
RuntimeDirectory=grafana
RuntimeDirectoryMode=0750
ExecStart=/usr/share/grafana/bin/grafana server --config=${CONF_FILE} --pidfile=${PID_FILE_DIR}/grafana-server.pid \\
  --packaging=deb cfg:default.paths.logs=${LOG_DIR} cfg:default.paths.data=${DATA_DIR} \\
  cfg:default.paths.plugins=${PLUGINS_DIR} cfg:default.paths.provisioning=${PROVISIONING_CFG_DIR}
LimitNOFILE=10000
TimeoutStopSec=20
CapabilityBoundingSet=
DeviceAllow=
LockPersonality=true
MemoryDenyWriteExecute=false
NoNewPrivileges=true
PrivateDevices=true
PrivateTmp=true
ProtectSystem=full
RemoveIPC=true
UMask=0027

[Install]
WantedBy=multi-user.target
"""
DEFAULTS = """\
LOG_DIR=/var/log/grafana
DATA_DIR=/var/lib/grafana
CONF_FILE=/etc/grafana/grafana.ini
RESTART_ON_UPGRADE=true
PLUGINS_DIR=/var/lib/grafana/plugins
PROVISIONING_CFG_DIR=/etc/grafana/provisioning
PID_FILE_DIR=/run/grafana
"""
POSTINST = """\
#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
getent passwd grafana > /dev/null || useradd --system --user-group --home-dir /usr/share/grafana --shell /bin/false \\
  grafana
mkdir -p /var/log/grafana /var/lib/grafana /etc/grafana/provisioning
chown -R grafana:grafana /var/log/grafana /var/lib/grafana
chmod 755 /var/log/grafana /var/lib/grafana
[ -f /etc/grafana/grafana.ini ] || cp /usr/share/grafana/conf/sample.ini /etc/grafana/grafana.ini
chown -Rh root:grafana /etc/grafana/*
chmod 755 /etc/grafana
find /etc/grafana -type f -exec chmod 640 {} ';'
find /etc/grafana -type d -exec chmod 755 {} ';'
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
[ -z "$2" ] || systemctl try-restart grafana-server
"""
PRERM = """\
#!/bin/sh
set -e
[ "$1" != remove ] || [ ! -d /run/systemd/system ] || systemctl stop grafana-server
"""
PROGRAM = """\
#!/bin/sh
# A stand-in of Grafana's HTTP API for labs, not Grafana.
export GRAFANA_STANDIN_FLAVOUR="${GRAFANA_STANDIN_FLAVOUR:-@flavour@}"
exec /usr/bin/python3 /usr/share/grafana/bin/grafana_standin.py "$@"
"""


def fill() -> dict[str, str]:
    """Which Grafana the lab's hosts get, and whether the dashboard of grafana.com is to be had."""
    given = ENVIRONMENT.get("GRAFANA_DEB", "")
    if given:
        about = from_package(Path(given))
    elif answers(f"{UPSTREAM}/gpg.key"):
        about = from_upstream()
    else:
        about = stand_in()
    about["dashboard"] = dashboard()
    return about


def from_upstream() -> dict[str, str]:
    """Grafana's own packages in the lab's mirror, as playbooks/mirror.yml puts them there."""
    if NOTED.exists():  # packages of this lab's making are there
        shutil.rmtree(REPOSITORY, ignore_errors=True)
        NOTED.unlink()
    source = collection("plugin_utils._mirror.packages")
    fingerprints = DEFAULT["fingerprints"]
    repository = source.Repository(
        "grafana", UPSTREAM, REPOSITORY.name, DEFAULT["suite"], DEFAULT["component"], fingerprints
    )
    with told():
        source.fetch(folder(), repository, [DEFAULT["version"]], [ARCHITECTURE])
    return {
        "origin": "upstream", "version": DEFAULT["version"], "repository": "", "fingerprint": fingerprints[0]
    }  # fmt: skip


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PROBE_SECONDS) as answer:
            return answer.status == 200
    except OSError:
        return False


def dashboard() -> str:
    """Where dashboard 11835 came from; empty when there is none."""
    kept = DASHBOARDS / "11835-rev1.json"
    if not DASHBOARD.exists():
        try:
            with urllib.request.urlopen(DASHBOARD_URL, timeout=PROBE_SECONDS) as answer:
                write(DASHBOARD, answer.read().decode())
        except OSError:
            if kept.exists():
                write(DASHBOARD, kept.read_text())
    if not DASHBOARD.exists():
        return ""
    same = kept.exists() and json.loads(kept.read_text()) == json.loads(DASHBOARD.read_text())
    return "a copy" if same else "grafana.com"


def from_package(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise LabError(f"GRAFANA_DEB names {path}, which is not there")
    name, version = (field(path, one) for one in ("Package", "Version"))
    if name != "grafana":
        raise LabError(f"{path} holds {name}, not grafana")
    stamp = f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}"
    fingerprint = publish(stamp, lambda scratch: [shutil.copy(path, scratch)])
    return {"origin": "given package", "version": version, "repository": "", "fingerprint": fingerprint}


def stand_in() -> dict[str, str]:
    flavour = ENVIRONMENT.get("GRAFANA_STANDIN_FLAVOUR") or list(FLAVOURS)[-1]
    if flavour not in FLAVOURS:
        raise LabError(f"GRAFANA_STANDIN_FLAVOUR is {flavour}: choose {' or '.join(FLAVOURS)}")
    recipe = Path(__file__).read_bytes() + STANDIN.read_bytes()
    stamp = hashlib.sha256(recipe).hexdigest()
    fingerprint = publish(stamp, lambda scratch: [build(scratch, one) for one in FLAVOURS])
    return {"origin": "stand-in", "version": FLAVOURS[flavour], "repository": "", "fingerprint": fingerprint}


def build(scratch: Path, flavour: str) -> Path:
    """A package named and laid out like Grafana's."""
    version, tree = FLAVOURS[flavour], scratch / flavour
    files = {
        "DEBIAN/control": f"Package: grafana\nVersion: {version}\nArchitecture: all\nDepends: python3, passwd\n"
        "Maintainer: redisops.monitoring contributors <lab@example.invalid>\n"
        "Description: stand-in of Grafana's HTTP API for labs\n",
        "DEBIAN/postinst": POSTINST,
        "DEBIAN/prerm": PRERM,
        "etc/default/grafana-server": DEFAULTS,
        "usr/lib/systemd/system/grafana-server.service": UNIT,
        "usr/share/grafana/bin/grafana": PROGRAM.replace("@flavour@", flavour),
        "usr/share/grafana/bin/grafana_standin.py": STANDIN.read_text(),
        "usr/share/grafana/conf/sample.ini": "# Everything is commented out here, as in the real one.\n",
    }
    for name, text in files.items():
        executable = name.endswith(("postinst", "prerm", "bin/grafana"))
        write(tree / name, text, 0o755 if executable else 0o644)
    path = scratch / f"grafana_{version}_all.deb"
    run("dpkg-deb", "--root-owner-group", "--build", str(tree), str(path))
    return path


def field(path: Path, name: str) -> str:
    return run("dpkg-deb", "--field", str(path), name).stdout.strip()


def publish(stamp: str, make) -> str:
    """The packages as a signed repository, laid out like Grafana's; returns the fingerprint of its key."""
    noted = json.loads(NOTED.read_text()) if NOTED.exists() else {}
    if noted.get("stamp") == stamp and (REPOSITORY / "dists/stable/InRelease").exists():
        return noted["fingerprint"]
    say("packing Grafana's repository (once)")
    shutil.rmtree(REPOSITORY, ignore_errors=True)
    pool, dists = REPOSITORY / "pool/main/g/grafana", REPOSITORY / "dists/stable"
    pool.mkdir(parents=True)
    entries = []
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="grafana-") as scratch:
        for made in make(Path(scratch)):
            package = pool / Path(made).name
            shutil.copyfile(made, package)
            content = package.read_bytes()
            fields = run("dpkg-deb", "--field", str(package)).stdout.strip()
            entries.append(
                f"{fields}\nFilename: {package.relative_to(REPOSITORY)}\nSize: {len(content)}\n"
                f"SHA256: {hashlib.sha256(content).hexdigest()}\n"
            )
    index = "\n".join(entries)
    write(dists / f"main/binary-{ARCHITECTURE}/Packages", index)
    release = dists / "Release"
    write(
        release,
        f"Origin: lab\nSuite: stable\nCodename: stable\nArchitectures: {ARCHITECTURE}\nComponents: main\n"
        "Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n"
        f" {hashlib.sha256(index.encode()).hexdigest()} {len(index.encode())} main/binary-{ARCHITECTURE}/Packages\n",
    )
    fingerprint = sign(release, dists / "InRelease", REPOSITORY / "gpg.key")
    write(NOTED, json.dumps({"stamp": stamp, "fingerprint": fingerprint}) + "\n")
    return fingerprint


def sign(release: Path, signed: Path, public: Path) -> str:
    """Signs with a key that is forgotten afterwards; returns its fingerprint."""
    with tempfile.TemporaryDirectory(prefix="redisops-gpg-") as home:  # short: gpg's sockets lie in it

        def gpg(*argv: str) -> str:
            options = ("--batch", "--quiet", "--yes", "--pinentry-mode=loopback", "--passphrase=")
            return run("gpg", f"--homedir={home}", *options, *argv).stdout

        try:
            gpg("--quick-generate-key", "Lab repository <lab@example.invalid>", "rsa3072", "sign", "never")
            gpg("--clearsign", f"--output={signed}", str(release))
            gpg("--armor", f"--output={public}", "--export")
            listed = gpg("--list-secret-keys", "--with-colons")
        finally:
            run("gpgconf", f"--homedir={home}", "--kill", "all", check=False)
    return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))
