# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filter scrape_targets costs: how it grows, and beside the usual way to read a group's variables.

Fails when 100,000 hosts take longer than 3 s or their cost is not linear.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import conftest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

init_plugin_loader([str(conftest.COLLECTIONS)])
from ansible_collections.redisops.monitoring.plugins.filter.scrape_targets import scrape_targets

try:
    from ansible.template import trust_as_template
except ImportError:  # ansible-core before 2.19
    trust_as_template = str

SAMPLE = json.loads((ROOT / "tests" / "unit" / "fixtures" / "ec2-hostvars-sample.json").read_text())["redis-node-1a"]
SMALL, LARGE, IN_ANSIBLE = 1_000, 100_000, 1_000
MOST_SECONDS, MOST_GROWTH = 3.0, 3.0
TURNS = 3


def hosts(count):
    return {
        f"redis-node-{n}": {
            **SAMPLE,
            "instance_id": f"i-{n:017x}",
            "private_ip_address": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}",
            "tags": {"Name": f"redis-node-{n}", "Cluster": f"cluster-{n % 50}", "Environment": "production"},
        }
        for n in range(count)
    }


def best(function, turns=TURNS):
    """The least processor time of some turns, so that it matters little what else the machine does."""
    seconds = []
    for _turn in range(turns):
        gc.collect()
        start = time.process_time()
        function()
        seconds.append(time.process_time() - start)
    return min(seconds)


def in_ansible(count):
    """The same through templating, with Ansible's own hostvars, and the usual `map('extract', hostvars)` beside it."""
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=["localhost,"])
    inventory.add_group("redis")
    for name, variables in hosts(count).items():
        inventory.add_host(name, group="redis")
        inventory.get_host(name).vars.update(variables)
    variable_manager = VariableManager(loader=loader, inventory=inventory)
    hostvars = HostVars(inventory=inventory, variable_manager=variable_manager, loader=loader)
    templar = Templar(loader=loader, variables={"hostvars": hostvars, "groups": inventory.get_groups_dict()})

    def template(expression):
        return templar.template(trust_as_template("{{ " + expression + " }}"))

    call = "groups['redis'] | redisops.monitoring.scrape_targets(hostvars)"
    assert len(template(call)) == count
    return (
        best(lambda: template(call)),
        best(
            lambda: template("groups['redis'] | map('extract', hostvars) | map(attribute='private_ip_address') | list")
        ),
        best(lambda: template("groups['redis'] | map('extract', hostvars) | map('items') | map('list') | list"), 1),
    )


def main():
    small, large = hosts(SMALL), hosts(LARGE)
    small_seconds = best(lambda: scrape_targets(list(small), small), 20)
    large_seconds = best(lambda: scrape_targets(list(large), large))
    meta_seconds = best(lambda: scrape_targets(list(large), large, meta_labels=True))
    growth = (large_seconds / LARGE) / (small_seconds / SMALL)
    print(f"{LARGE:,} hosts: {large_seconds:.2f} s ({large_seconds / LARGE * 1e6:.1f} us a host)")
    print(f"{SMALL:,} hosts: {small_seconds:.4f} s ({small_seconds / SMALL * 1e6:.1f} us a host)")
    print(f"growth, time a host at {LARGE:,} to {SMALL:,}: {growth:.2f} (1 is linear, {LARGE // SMALL} quadratic)")
    print(f"with meta_labels: {meta_seconds:.2f} s, {meta_seconds / large_seconds:.1f} times as long")

    ours, address, everything = in_ansible(IN_ANSIBLE)
    print(f"in Ansible, {IN_ANSIBLE:,} hosts: {ours:.2f} s")
    print(f"  to map('extract', hostvars) and one attribute ({address:.2f} s): {ours / address:.2f}")
    print(f"  to map('extract', hostvars) and all variables ({everything:.2f} s): {ours / everything:.2f}")

    if large_seconds > MOST_SECONDS or growth > MOST_GROWTH:
        return f"too slow: at most {MOST_SECONDS} s and a growth of {MOST_GROWTH}"
    return None


if __name__ == "__main__":
    sys.exit(main())
