# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What instances cost, and the table of prices that the role power brings along."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.redisops.monitoring.plugins.filter.ec2_costs import ec2_costs

ROOT = Path(__file__).resolve().parents[4]
TABLE = yaml.safe_load((ROOT / "roles/power/files/prices-us-east-1.yml").read_text())
PRICES = {
    "hours_per_month": 100,
    "instances": {"t3.small": 0.02, "r6g.large": 0.1},
    "volumes": {"gp3": 0.08, "gp2": 0.1},
    "public_ipv4": 0.005,
}


def instance(name="i-1", kind="t3.small", state="running", owners=(), **tags):
    return {
        "instance_id": name,
        "instance_type": kind,
        "state": {"name": state},
        "tags": {"Name": f"host-{name}", "Role": "monitoring", **tags},
        "network_interfaces": [
            {"private_ip_addresses": [{"association": {"ip_owner_id": owner}} for owner in owners] or [{}]}
        ],
    }


def volume(attached, size=20, kind="gp3"):
    return {"type": kind, "size": size, "attachment_set": [{"instance_id": attached}]}


def test_hours_volumes_and_addresses():
    costs = ec2_costs([instance(owners=["amazon"])], [volume("i-1"), volume("i-1", 10, "gp2"), volume("i-2")], PRICES)
    [row] = costs["rows"]
    assert (row["name"], row["role"], row["gib"], row["public_ipv4"]) == ("host-i-1", "monitoring", 30, 1)
    assert row["compute"] == pytest.approx(2.0)
    assert row["storage"] == pytest.approx(2.6)
    assert row["address"] == pytest.approx(0.5)
    assert costs["now"] == costs["running"] == pytest.approx(5.1)
    # The automatic address goes, the volumes stay.
    assert costs["stopped"] == pytest.approx(2.6)
    assert costs["missing"] == []


@pytest.mark.parametrize("state", ["stopped", "stopping"])
def test_a_stopped_instance_goes_on_costing_volumes_and_elastic_addresses(state):
    costs = ec2_costs([instance(state=state, owners=["123456789012"])], [volume("i-1")], PRICES)
    assert costs["now"] == costs["stopped"] == pytest.approx(1.6 + 0.5)
    assert costs["running"] == pytest.approx(2.0 + 1.6 + 0.5)


def test_totals_and_order():
    found = [instance("i-2"), instance("i-3", "r6g.large", Role="redis"), instance("i-1", state="stopped")]
    costs = ec2_costs(found, [], PRICES)
    assert [row["instance_id"] for row in costs["rows"]] == ["i-1", "i-2", "i-3"]
    assert costs["now"] == pytest.approx(12.0)
    assert costs["running"] == pytest.approx(14.0)
    assert costs["stopped"] == 0


def test_a_type_without_price_is_told_and_not_free():
    costs = ec2_costs([instance(kind="x9.huge")], [volume("i-1", kind="zz1")], PRICES)
    assert costs["missing"] == ["x9.huge", "zz1"]
    assert costs["rows"][0]["compute"] is None


def test_an_instance_without_tags_has_its_id_for_a_name():
    [row] = ec2_costs([{**instance(), "tags": {}}], [], PRICES)["rows"]
    assert (row["name"], row["role"]) == ("i-1", "")


def test_a_table_that_lacks_something():
    with pytest.raises(AnsibleFilterError, match="no public_ipv4"):
        ec2_costs([], [], {name: value for name, value in PRICES.items() if name != "public_ipv4"})


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"instances": {"t3.small": "cheap"}}, "price instances.t3.small is 'cheap'"),
        ({"instances": {"t3.small": True}}, "price instances.t3.small is True"),
        ({"instances": {"t3.small": -1}}, "price instances.t3.small is -1"),
        ({"instances": {"t3.small": "nan"}}, "price instances.t3.small is 'nan'"),
        ({"instances": [0.02]}, "instances of the table of prices is no dictionary"),
        ({"hours_per_month": "all"}, "price hours_per_month is 'all'"),
        ({"public_ipv4": None}, "no public_ipv4"),
    ],
)
def test_a_price_that_is_none(changed, says):
    with pytest.raises(AnsibleFilterError, match=re.escape(says)):
        ec2_costs([instance()], [], {**PRICES, **changed})


def test_no_table_at_all():
    for prices in (None, "", [1]):
        with pytest.raises(AnsibleFilterError, match="no dictionary"):
            ec2_costs([], [], prices)


def test_prices_may_be_text_as_dash_e_gives_them():
    [row] = ec2_costs([instance()], [], {**PRICES, "instances": {"t3.small": "0.02"}, "hours_per_month": "100"})["rows"]
    assert row["now"] == pytest.approx(2)


def test_the_runbook_s_sum():
    """Four t2.micro are the $35 a month, before storage, that the page this replaces tells."""
    total = ec2_costs([instance(f"i-{number}", "t2.micro") for number in range(4)], [], TABLE)["now"]
    assert 33 < total < 35


def test_the_table_of_the_role():
    assert TABLE["region"] == "us-east-1"
    assert datetime.date.fromisoformat(TABLE["date"])
    assert {"gp2", "gp3"} <= set(TABLE["volumes"])
    assert all(re.fullmatch(r"[a-z]\w+\.\w+", kind) for kind in TABLE["instances"])
    assert all(0.001 < price < 5 for price in TABLE["instances"].values())
    # Bigger costs more, within each family: a slip of the pen stands out.
    sizes = ["nano", "micro", "small", "medium", "large", "xlarge", "2xlarge", "4xlarge"]
    for family in {kind.partition(".")[0] for kind in TABLE["instances"]}:
        line = [TABLE["instances"][f"{family}.{size}"] for size in sizes if f"{family}.{size}" in TABLE["instances"]]
        for smaller, bigger in zip(line, line[1:]):
            assert bigger == pytest.approx(2 * smaller, rel=0.03), family


@pytest.mark.parametrize("name", ["iam-provision", "iam-power"])
def test_documented_policies_are_policies(name):
    """That they suffice is proved by the Molecule scenario aws, which runs with them; that they are narrow, here."""
    [policy] = map(json.loads, re.findall(r"```json\n(.*?)```", (ROOT / f"docs/{name}.md").read_text(), re.DOTALL))
    for statement in policy["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not any("*" in action for action in actions)
        assert statement["Resource"] != "*" or "Condition" in statement
