# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bare lab installs from a mirror that playbooks/mirror.yml has filled, while its hosts reach nothing else.

    lab.py up airgap --bare
    airgap.py airgap

The lab's mirror stands for upstream, whose layout it has; its server is off before the hosts install. What comes from
the distribution is on the hosts before, as an image of a closed site has it.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))
import lab as labs
import servers
from common import LABS, ROOT, LabError, run, say


def play(directory: Path, name: str, *arguments: str) -> str:
    """The output of a playbook that has to end well."""
    done = labs.playbook(directory, ROOT / "playbooks" / name, *arguments)
    if done.returncode:
        raise LabError(f"{name} failed:\n{(done.stdout + done.stderr)[-4000:]}")
    return done.stdout


def settings(lab: dict, folder: Path) -> dict:
    """What the lab's mirror has: other versions than the defaults, signed by a key of its own."""
    grafana = lab["grafana"]
    versions = {name: found[-1] for name, found in lab["versions"].items()} | {"grafana": grafana["version"]}
    found = {
        "mirror_path": str(folder),
        "mirror_source_url": lab["mirror"]["url"],
        "mirror_programs": list(versions),
        "mirror_versions": {name: [version] for name, version in versions.items()},
        "mirror_grafana_key_fingerprints": [grafana["fingerprint"]],
    }
    return found if grafana["dashboard"] else found | {"mirror_dashboards": []}


def distribution(lab: dict, directory: Path) -> None:
    """What docs/mirror.md tells to have on the hosts."""
    install = (
        "sudo apt-get -qq update && sudo DEBIAN_FRONTEND=noninteractive apt-get -qq install -y python3-cryptography"
    )
    for host in lab["hosts"]:
        run("ssh", "-F", str(directory / "ssh_config"), host, install)


def close(lab: dict, directory: Path) -> None:
    """Every host sends what leaves the lab's network to an address that nobody has."""
    nobody = lab["gateway"].rpartition(".")[0] + ".254"
    for host in lab["hosts"]:
        ssh = ["ssh", "-F", str(directory / "ssh_config"), host]
        run(*ssh, f"sudo ip route replace default via {nobody}")
        out = "timeout 3 bash -c '</dev/tcp/deb.debian.org/80 || </dev/tcp/1.1.1.1/443' 2>/dev/null"
        if run(*ssh, out, check=False).returncode == 0:
            raise LabError(f"{host} still reaches what is outside of the lab")


def main(name: str) -> int:
    lab = labs.load(name)
    if not lab or not lab.get("bare"):
        raise LabError(f"there is no bare lab {name}: lab.py up {name} --bare")
    directory = LABS / name
    folder, log = directory / "airgap", directory / "mirror.log"
    variables = json.dumps(settings(lab, folder))
    print(play(directory, "mirror.yml", "--extra-vars", variables))

    servers.stop(directory / "mirror.pid")
    again = play(directory, "mirror.yml", "--extra-vars", variables)
    if "changed=0" not in again:
        raise LabError(f"the second run of mirror.yml changed something:\n{again[-2000:]}")
    port = int(lab["mirror"]["url"].rpartition(":")[2])
    log.write_text("")
    servers.start(
        directory / "mirror.pid", lab["gateway"], port,
        sys.executable, "-m", "http.server", "--bind", lab["gateway"], "--directory", str(folder), str(port),
    )  # fmt: skip
    distribution(lab, directory)
    close(lab, directory)
    say("site.yml with every other way closed")
    print(play(directory, "site.yml")[-3000:])
    print(play(directory, "verify.yml")[-3000:])

    served = set(re.findall(r'"GET /(\S+) HTTP/1.1" 200', log.read_text()))
    wanted = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix in (".gz", ".deb")}
    left = {path for path in wanted - served if "/Packages" not in path}
    if left:
        raise LabError(f"the hosts did not take from the mirror: {', '.join(sorted(left))}")
    say(f"{len(wanted)} artefacts came from the mirror, and nothing from elsewhere")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except LabError as error:
        print(f"airgap: {error}", file=sys.stderr)
        sys.exit(1)
