# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What checked_config leaves in the host's log."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils import basic
from ansible_collections.redisops.monitoring.plugins.modules import checked_config

CANARY = 'canary "5up3r"\n\\secret'


def test_no_content_in_the_log(tmp_path, monkeypatch, capsys):
    logged = []
    monkeypatch.setattr(basic.AnsibleModule, "log", lambda module, msg, **more: logged.append(str(msg) + str(more)))
    arguments = {
        "path": str(tmp_path / "etc"),
        "files": [{"path": "plain.yml", "content": "plain: file\n"}],
        "secrets": [{"path": "password", "content": CANARY}],
        "_ansible_check_mode": True,
    }
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    with pytest.raises(SystemExit):
        checked_config.main()
    assert "canary" not in capsys.readouterr().out
    assert logged == [f"Invoked for {tmp_path / 'etc'}{{}}"]
