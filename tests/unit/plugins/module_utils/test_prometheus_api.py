# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.redisops.monitoring.plugins.module_utils._prometheus import Series, counters, series_of


def test_series_of_all_result_types():
    assert series_of({"resultType": "scalar", "result": [1, "2"]}) == [Series({}, [(1, 2)])]
    vector = {"resultType": "vector", "result": [{"metric": {"a": "b"}, "value": [1, "2"]}]}
    assert series_of(vector) == [Series({"a": "b"}, [(1, 2)])]
    matrix = {"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "2"], [3, "4"]]}]}
    assert series_of(matrix) == [Series({}, [(1, 2), (3, 4)])]


def test_counters():
    text = 'x_total{a="1",b="two"} 3\nx_total 4\nx_total_more{a="1"} 5\n# x_total 6\n'
    assert counters(text, "x_total") == [({"a": "1", "b": "two"}, 3), ({}, 4)]
