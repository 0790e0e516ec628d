# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import botocore.loaders
import botocore.session
import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _ec2_loader, _ec2_model

EXCERPT = json.loads(_ec2_model.MODEL)


def client(service="ec2"):
    session = botocore.session.Session()
    return session.create_client(service, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="y")


def holds(whole, part):
    """Whether *whole* has all that *part* has: AWS adds members, botocore adds traits."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and holds(whole[name], part[name]) for name in part)
    if isinstance(part, list):
        return isinstance(whole, list) and all(item in whole for item in part)
    return whole == part


def test_excerpt_is_what_botocore_has():
    model = botocore.loaders.Loader().load_data(f"{_ec2_model.VERSION}/service-2")
    for kind in ("operations", "shapes"):
        assert [name for name in EXCERPT[kind] if not holds(model[kind].get(name), EXCERPT[kind][name])] == []
    assert holds(model["metadata"], EXCERPT["metadata"])


def test_client_has_the_operations_of_the_excerpt_only_inside():
    with _ec2_loader.small_model():
        small = client()
    assert sorted(small.meta.service_model.operation_names) == sorted(EXCERPT["operations"])
    assert small.meta.endpoint_url == "https://ec2.eu-west-1.amazonaws.com"
    assert "DescribeInstances" in client().meta.service_model.operation_names


def test_other_services_are_as_ever():
    """A profile with a role asks STS."""
    with _ec2_loader.small_model():
        assert "AssumeRole" in client("sts").meta.service_model.operation_names
        with pytest.raises(botocore.exceptions.UnknownServiceError):
            client("no-such-service")


def test_a_model_of_the_users_comes_first(tmp_path, monkeypatch):
    own = {**EXCERPT, "operations": {"CreateTags": EXCERPT["operations"]["CreateTags"]}}
    directory = tmp_path / _ec2_model.VERSION
    directory.mkdir(parents=True)
    (directory / "service-2.json").write_text(json.dumps(own))
    monkeypatch.setenv("MODELS", str(tmp_path))
    monkeypatch.setenv("AWS_DATA_PATH", "$MODELS")
    with _ec2_loader.small_model():
        assert client().meta.service_model.operation_names == ["CreateTags"]


def test_another_version_of_the_api_is_botocores_own(monkeypatch):
    monkeypatch.setattr(_ec2_model, "VERSION", "ec2/2015-10-01")
    with _ec2_loader.small_model():
        assert "DescribeInstances" in client().meta.service_model.operation_names


def test_a_botocore_without_the_loader_is_left_alone(monkeypatch):
    monkeypatch.delattr(botocore.session, "create_loader")
    with _ec2_loader.small_model():
        assert not hasattr(botocore.session, "create_loader")
