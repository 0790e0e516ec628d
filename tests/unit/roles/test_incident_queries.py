# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The queries whose ranges an incident archive holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests/tools")]

import promtool

QUERIES = yaml.safe_load((ROOT / "roles/incident/vars/main.yml").read_text())["__incident_queries"]
DAY = 86400


def evaluated(tmp_path, tests):
    """What promtool says of queries with the samples that they are to give."""
    tool = promtool.find()
    if tool is None:
        pytest.skip("no promtool: python tests/lab/mirror.py fills build/mirror")
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump({"tests": tests}))
    done = subprocess.run([tool, "test", "rules", path], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def test_prometheus_takes_every_query(tmp_path):
    assert len(QUERIES) > 10
    empty = [{"expr": query, "eval_time": "1m", "exp_samples": []} for query in QUERIES.values()]
    assert evaluated(tmp_path, [{"interval": "1m", "promql_expr_test": empty}]) == ""


def test_certificates_are_those_of_the_chain_that_was_verified(tmp_path):
    """Leaf 200 days, and a new root cross-signed by an old one that has two: nobody needs that."""
    values = {
        'probe_ssl_earliest_cert_expiry{instance="cross-signed"}': 2 * DAY,
        'probe_ssl_last_chain_expiry_timestamp_seconds{instance="cross-signed"}': 200 * DAY,
        'probe_ssl_earliest_cert_expiry{instance="not verified"}': 3 * DAY,
        'probe_ssl_last_chain_expiry_timestamp_seconds{instance="not verified"}': -62135596800,
    }
    case = {
        "interval": "1m",
        "input_series": [{"series": series, "values": f"{value}x5"} for series, value in values.items()],
        "promql_expr_test": [
            {
                "expr": QUERIES["certificates"],
                "eval_time": "0s",
                "exp_samples": [
                    {"labels": '{instance="cross-signed"}', "value": 200},
                    {"labels": '{instance="not verified"}', "value": 3},
                ],
            }
        ],
    }
    assert evaluated(tmp_path, [case]) == ""
