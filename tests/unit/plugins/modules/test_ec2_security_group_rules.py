# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module against answers that AWS gives and moto does not: the order and content of every call is checked."""

from __future__ import annotations

import json

import boto3
import pytest
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import RetryingBotoClientWrapper
from ansible_collections.redisops.monitoring.plugins.module_utils._ec2 import security_group
from ansible_collections.redisops.monitoring.plugins.modules import ec2_security_group_rules as module
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber
from module_args import patch_module_args

ACCOUNT = "123456789012"
VPC = "vpc-00000000000000001"
GROUP = "sg-00000000000000001"
PEER = "sg-00000000000000002"
OTHER = "sg-00000000000000003"
OWNER_TAG = {"Key": "redis-monitoring:owner", "Value": "prometheus"}
RULE = {"ports": [9121], "group_name": ["prometheus-sg"], "rule_desc": "exporter"}
RULE_LINE = f'ingress tcp/9121 from {PEER} (prometheus-sg) "exporter"'


def group(group_id=GROUP, name="redis-sg", vpc_id=VPC, **more):
    return {"GroupId": group_id, "GroupName": name, "VpcId": vpc_id, "OwnerId": ACCOUNT, **more}


def item(number, port=9121, description=None, tags=(), egress=False, **source):
    """A rule as DescribeSecurityGroupRules lists it."""
    rule = {"SecurityGroupRuleId": f"sgr-{number}", "GroupId": GROUP, "GroupOwnerId": ACCOUNT, "IsEgress": egress}
    rule.update(IpProtocol="tcp", FromPort=port, ToPort=port, Tags=list(tags))
    source = source or {"ReferencedGroupInfo": {"GroupId": PEER, "UserId": ACCOUNT}}
    return {**rule, **source, **({"Description": description} if description else {})}


def cidr(number, port, network="10.0.0.0/16", **more):
    return item(number, port, CidrIpv4=network, **more)


@pytest.fixture(scope="module")
def connection():
    return boto3.client("ec2", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="y")


@pytest.fixture
def aws(connection, monkeypatch, capsys):
    return Aws(connection, monkeypatch, capsys)


class Aws:
    """AWS by script: what it is asked in turn, and what it answers."""

    def __init__(self, connection, monkeypatch, capsys):
        self.connection = connection
        self.capsys = capsys
        self.stubber = Stubber(connection)
        self.sleeps = []
        self.clients = 0
        self.warnings = []
        monkeypatch.setattr(AnsibleAWSModule, "warn", lambda this, text: self.warnings.append(text))
        monkeypatch.setattr(AnsibleAWSModule, "client", self._client)
        monkeypatch.setattr("time.sleep", self.sleeps.append)

    def _client(self, service, retry_decorator=None, **extra):
        assert service == "ec2"
        self.clients += 1
        return RetryingBotoClientWrapper(self.connection, retry_decorator)

    def groups(self, *groups, token=None, **filters):
        request = {"Filters": [{"Name": n.replace("_", "-"), "Values": v} for n, v in filters.items()]}
        self._page("describe_security_groups", "SecurityGroups", request, groups, token)

    def rules(self, *rules, token=None, asked_token=None):
        request = {"Filters": [{"Name": "group-id", "Values": [GROUP]}]}
        if asked_token:
            request["NextToken"] = asked_token
        self._page("describe_security_group_rules", "SecurityGroupRules", request, rules, token)

    def _page(self, operation, member, request, items, token):
        answer = {member: list(items), **({"NextToken": token} if token else {})}
        self.stubber.add_response(operation, answer, request)

    def found(self, *rules, **more):
        """The usual start: the group by its name with the group that is the source, then the rules."""
        names = {"group_name": ["prometheus-sg", "redis-sg"]}
        self.groups(group(**more), group(PEER, "prometheus-sg"), **names)
        self.rules(*rules)

    def authorize(self, permissions, answer=(), tags=(), direction="ingress"):
        request = {"GroupId": GROUP, "IpPermissions": permissions}
        if tags:
            request["TagSpecifications"] = [{"ResourceType": "security-group-rule", "Tags": list(tags)}]
        self.stubber.add_response(
            f"authorize_security_group_{direction}", {"Return": True, "SecurityGroupRules": list(answer)}, request
        )

    def revoke(self, *ids, direction="ingress", **answer):
        request = {"GroupId": GROUP, "SecurityGroupRuleIds": list(ids)}
        self.stubber.add_response(f"revoke_security_group_{direction}", {"Return": True, **answer}, request)

    def modify(self, rule_id, **rule):
        request = {
            "GroupId": GROUP,
            "SecurityGroupRules": [{"SecurityGroupRuleId": rule_id, "SecurityGroupRule": rule}],
        }
        self.stubber.add_response("modify_security_group_rules", {"Return": True}, request)

    def refuse(self, operation, code, message="no", times=1):
        for dummy in range(times):
            self.stubber.add_client_error(
                operation, code, message, response_meta={"RequestId": "req-1"}, http_status_code=400
            )

    def __call__(self, rules, check=False, **options):
        options = {"region": "eu-west-1", "rules": rules, "_ansible_check_mode": check, **options}
        if "group_id" not in options:
            options.setdefault("group_name", "redis-sg")
        with self.stubber, patch_module_args(options), pytest.raises(SystemExit) as ended:
            module.main()
        self.stubber.assert_no_pending_responses()
        result = json.loads(self.capsys.readouterr().out)
        assert bool(ended.value.code) == bool(result.get("failed"))
        return result

    def fails(self, rules, **options):
        result = self(rules, **options)
        assert result.get("failed")
        assert "\n" not in result["msg"]
        return result


PERMISSION = {
    "IpProtocol": "tcp",
    "FromPort": 9121,
    "ToPort": 9121,
    "UserIdGroupPairs": [{"GroupId": PEER, "Description": "exporter"}],
}


def cidr_permission(port, *networks, description=None):
    ranges = [{"CidrIp": net, **({"Description": description} if description else {})} for net in networks]
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": ranges}


# --- reading


def test_unchanged_is_two_calls(aws):
    aws.found(item(1, description="exporter"), cidr(2, 6379))
    result = aws([RULE])
    assert result["changed"] is False
    assert result["diff"] == {"prepared": ""}
    assert [rule["rule_id"] for rule in result["unchanged"]] == ["sgr-1"]
    assert [rule["rule_id"] for rule in result["rules"]] == ["sgr-2", "sgr-1"]
    assert (result["group_id"], result["group_name"], result["vpc_id"]) == (GROUP, "redis-sg", VPC)


def test_every_page_is_read(aws):
    names = {"group_name": ["prometheus-sg", "redis-sg"], "vpc_id": [VPC]}
    aws.groups(group(), token="more", **names)
    request = {"Filters": [{"Name": n.replace("_", "-"), "Values": v} for n, v in names.items()], "NextToken": "more"}
    aws._page("describe_security_groups", "SecurityGroups", request, [group(PEER, "prometheus-sg")], None)
    aws.rules(cidr(2, 6379), token="2")
    aws.rules(cidr(3, 80), token="3", asked_token="2")
    aws.rules(item(1, description="exporter"), asked_token="3")
    result = aws([RULE], vpc_id=VPC)
    assert result["changed"] is False, "the wanted rule is on the last page"
    assert len(result["rules"]) == 3


def test_group_by_id_with_its_sources_is_two_calls(aws):
    aws.rules()
    aws.groups(group(), group(PEER, "prometheus-sg"), group_id=[GROUP, PEER])
    result = aws([{"ports": [9121], "group_id": [PEER]}], group_id=GROUP, check=True)
    assert result["diff"]["prepared"] == f"+ ingress tcp/9121 from {PEER} (prometheus-sg)\n"


def test_group_by_id_with_sources_by_name_is_two_calls_once_the_rule_is_there(aws):
    """The group that the rule refers to tells its name when it is asked for by id."""
    aws.rules(item(1, description="exporter"), cidr(2, 22))
    aws.groups(group(), group(PEER, "prometheus-sg"), group_id=[GROUP, PEER])
    assert aws([RULE], group_id=GROUP)["changed"] is False


def test_group_by_id_with_new_sources_by_name_is_three(aws):
    aws.rules(item(1, 6379, ReferencedGroupInfo={"GroupId": OTHER, "UserId": ACCOUNT}))
    aws.groups(group(), group(OTHER, "prometheus-sg", "vpc-2"), group_id=[GROUP, OTHER])
    aws.groups(group(PEER, "prometheus-sg"), group_name=["prometheus-sg"], vpc_id=[VPC])
    assert aws([RULE], group_id=GROUP, check=True)["diff"]["prepared"] == f"+ {RULE_LINE}\n"


def test_more_referenced_groups_than_a_filter_takes(aws):
    peers = [f"sg-{number:017x}" for number in range(16, 266)]
    aws.rules(
        *(item(n, 6379, ReferencedGroupInfo={"GroupId": peer, "UserId": ACCOUNT}) for n, peer in enumerate(peers))
    )
    aws.groups(group(), group_id=[GROUP, *peers[:199]])
    aws.groups(group(PEER, "prometheus-sg"), group_name=["prometheus-sg"], vpc_id=[VPC])
    assert aws([RULE], group_id=GROUP, check=True)["changed"] is True


def test_sources_are_looked_for_in_the_vpc_of_the_group(aws):
    names = {"group_name": ["prometheus-sg", "redis-sg"]}
    aws.groups(group(OTHER, "prometheus-sg", "vpc-2"), group(), group(PEER, "prometheus-sg"), **names)
    aws.rules(item(1, description="exporter"))
    assert aws([RULE])["changed"] is False


def test_description_that_only_the_group_view_has(aws):
    permission = {**PERMISSION, "UserIdGroupPairs": [{"GroupId": PEER, "UserId": ACCOUNT, "Description": "exporter"}]}
    aws.found(item(1), IpPermissions=[permission])
    result = aws([RULE])
    assert result["changed"] is False
    assert result["rules"][0]["rule_desc"] == "exporter"


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ([], 'no security group "redis-sg" in this region and account; nothing was created'),
        ([group(name="redis-sgx")], 'no security group "redis-sg"'),  # found by a wildcard
        (
            [group(OTHER, vpc_id="vpc-2"), group()],
            f'2 security groups are named "redis-sg": {GROUP} in {VPC}, {OTHER} in vpc-2; give vpc_id or group_id',
        ),
        ([group()], f'rules[0]: no security group "prometheus-sg" in {VPC}; correct the name'),
        ([group(), group(PEER, "prometheus-sg", "vpc-2")], f'rules[0]: no security group "prometheus-sg" in {VPC}'),
    ],
)
def test_no_group_or_several(aws, groups, words):
    aws.groups(*groups, group_name=["prometheus-sg", "redis-sg"])
    assert words in aws.fails([RULE])["msg"]


def test_no_group_of_that_id(aws):
    aws.rules()
    aws.groups(group_id=[GROUP])
    assert f"no security group {GROUP} in this region" in aws.fails([], group_id=GROUP)["msg"]
    aws.rules()
    aws.groups(group(vpc_id="vpc-2"), group_id=[GROUP])
    assert f"no security group {GROUP} in {VPC}" in aws.fails([], group_id=GROUP, vpc_id=VPC)["msg"]


def test_no_source_of_that_id(aws):
    aws.rules()
    aws.groups(group(), group_id=[GROUP, PEER])
    message = aws.fails([{"ports": [9121], "group_id": [PEER]}], group_id=GROUP)["msg"]
    assert message.startswith(f"rules[0]: no security group {PEER} in this region and account")


def test_removing_rules_of_a_group_that_is_gone_is_no_error(aws):
    aws.groups(group(), group_name=["prometheus-sg", "redis-sg"])
    aws.rules()
    result = aws([{**RULE, "state": "absent"}])
    assert result["changed"] is False
    assert aws.warnings == [f'rules[0]: no security group "prometheus-sg" in {VPC}, so there is no such rule to remove']


def test_group_name_and_id_of_one_group_are_one_rule(aws):
    aws.groups(group(), group(PEER, "prometheus-sg"), group_name=["prometheus-sg", "redis-sg"])
    result = aws.fails([RULE, {"ports": [9121], "group_id": [PEER], "state": "absent"}])
    assert f"rules[0] and rules[1] ask for ingress tcp/9121 from {PEER} both present and absent" in result["msg"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"cidr_ip": "300.0.0.0/8"}, "rules[0]: cidr_ip 300.0.0.0/8: Octet 300"),
        ({"cidr_ip": "10.0.1.5/16"}, "host bits set"),
        ({"cidr_ip": "0.0.0.0/0"}, "would open port 9090 (Prometheus) to the world"),
        ({"cidr_ip": "10.0.0.0/16", "ports": 70000}, "port 70000"),
        ({"cidr_ip": "10.0.0.0/16", "ports": "9093-9090"}, "run backwards"),
        ({"cidr_ip": "10.0.0.0/16", "rule_desc": "x" * 256}, "256 characters"),
        ({"cidr_ip": "10.0.0.0/16", "rule_desc": "<b>"}, "AWS refuses '<' '>'"),
    ],
)
def test_bad_input_ends_before_there_is_a_client(aws, rule, words):
    result = aws.fails([{"ports": 9090, **rule}])
    assert words in result["msg"]
    assert result["api_calls"] == 0
    assert aws.clients == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"purge": "owned"}, "purge is owned but all of the following are missing: owner"),
        ({"adopt": True}, "adopt is True but all of the following are missing: owner"),
        ({"group_id": GROUP, "group_name": "x"}, "mutually exclusive: group_id|group_name"),
        ({"group_name": None}, "group_id or group_name is required"),
        ({"rules": None}, "cannot be converted to a list"),
        ({"owner": "a*"}, "owner 'a*' is no tag value"),
    ],
)
def test_options_that_go_together(aws, options, words):
    options = {"rules": [], **options}
    assert words in aws.fails(options.pop("rules"), **options)["msg"]
    assert aws.clients == 0


# --- writing


def test_add_takes_the_id_from_the_answer(aws):
    aws.found(cidr(2, 6379))
    aws.authorize([PERMISSION], [item(7, description="exporter")])
    result = aws([RULE])
    assert result["changed"] is True
    assert result["diff"]["prepared"] == f"+ {RULE_LINE}\n"
    assert [rule["rule_id"] for rule in result["added"]] == ["sgr-7"]
    assert [rule["rule_id"] for rule in result["rules"]] == ["sgr-2", "sgr-7"]


def test_add_reads_again_when_the_answer_lacks_rules(aws):
    aws.found()
    aws.authorize([cidr_permission(22, "10.0.0.0/16"), cidr_permission(80, "10.0.0.0/16")], [cidr(2, 80)])
    aws.rules(cidr(1, 22), cidr(2, 80))
    # a name among the sources, so that the groups are asked for as in found()
    result = aws([{"ports": [22, 80], "cidr_ip": ["10.0.0.0/16"]}, {**RULE, "state": "absent"}])
    assert [rule["rule_id"] for rule in result["added"]] == ["sgr-1", "sgr-2"]


def test_owner_is_tagged_in_the_same_call(aws):
    aws.found()
    aws.authorize([PERMISSION], [item(7, description="exporter", tags=[OWNER_TAG])], tags=[OWNER_TAG])
    result = aws([RULE], owner="prometheus")
    assert result["added"][0]["owner"] == "prometheus"


def test_order_of_writes(aws):
    """New rules of both directions, then descriptions, then owners, and what has to go last."""
    aws.found(
        item(1, description="old"),
        cidr(2, 22, tags=[OWNER_TAG]),
        cidr(3, 443, egress=True, tags=[OWNER_TAG]),
        cidr(4, 6379),
    )
    aws.authorize([cidr_permission(22, "10.1.0.0/16")], [cidr(5, 22, "10.1.0.0/16", tags=[OWNER_TAG])], [OWNER_TAG])
    aws.authorize(
        [cidr_permission(80, "10.1.0.0/16")],
        [cidr(6, 80, "10.1.0.0/16", egress=True, tags=[OWNER_TAG])],
        [OWNER_TAG],
        direction="egress",
    )
    aws.modify("sgr-1", IpProtocol="tcp", FromPort=9121, ToPort=9121, ReferencedGroupId=PEER, Description="exporter")
    aws.stubber.add_response("create_tags", {}, {"Resources": ["sgr-1"], "Tags": [OWNER_TAG]})
    aws.revoke("sgr-2")
    aws.revoke("sgr-3", direction="egress")
    rules = [
        RULE,
        {"ports": [22], "cidr_ip": ["10.1.0.0/16"]},
        {"ports": [80], "cidr_ip": ["10.1.0.0/16"], "direction": "egress"},
    ]
    options = {"owner": "prometheus", "purge": "owned", "adopt": True}
    result = aws(rules, **options)
    assert result["diff"]["prepared"].splitlines() == [
        "- ingress tcp/22 from 10.0.0.0/16",
        "+ ingress tcp/22 from 10.1.0.0/16",
        f'~ ingress tcp/9121 from {PEER} (prometheus-sg) "old" -> "exporter" owner -> prometheus',
        "+ egress tcp/80 to 10.1.0.0/16",
        "- egress tcp/443 to 10.0.0.0/16",
    ]
    assert {rule["rule_id"]: (rule["rule_desc"], rule["owner"]) for rule in result["rules"]} == {
        "sgr-1": ("exporter", "prometheus"),
        "sgr-4": ("", None),
        "sgr-5": ("", "prometheus"),
        "sgr-6": ("", "prometheus"),
    }
    assert [rule["rule_id"] for rule in result["updated"]] == ["sgr-1"]
    assert [rule["rule_id"] for rule in result["removed"]] == ["sgr-2", "sgr-3"]


def test_check_mode_writes_nothing_and_tells_the_same(aws):
    rules = [
        RULE,
        {"ports": [80], "cidr_ip": ["10.1.0.0/16"]},
        {"ports": [22], "cidr_ip": ["10.0.0.0/16"], "state": "absent"},
    ]
    results = []
    for check in (True, False):
        aws.found(item(1, description="old"), cidr(2, 22))
        if not check:
            aws.authorize([cidr_permission(80, "10.1.0.0/16")], [cidr(3, 80, "10.1.0.0/16")])
            aws.modify(
                "sgr-1", IpProtocol="tcp", FromPort=9121, ToPort=9121, ReferencedGroupId=PEER, Description="exporter"
            )
            aws.revoke("sgr-2")
        results.append(aws(rules, check=check))
    assert results[0]["diff"] == results[1]["diff"]
    assert results[0]["changed"] is results[1]["changed"] is True
    for result in results:
        for name in ("rules", "added"):
            result[name] = [{**rule, "rule_id": None} for rule in result[name]]
    for name in ("rules", "added", "updated", "removed", "unchanged", "covered"):
        assert results[0][name] == results[1][name], name


def test_not_adopted_is_told(aws):
    aws.found(item(1, description="exporter"), cidr(2, 22, tags=[OWNER_TAG]))
    result = aws([RULE, {"ports": [22], "cidr_ip": ["10.0.0.0/16"]}], owner="prometheus")
    assert result["changed"] is False
    assert {rule["rule_id"]: rule["adopted"] for rule in result["unchanged"]} == {"sgr-1": False, "sgr-2": True}


def test_covered_is_told(aws):
    aws.found(item(1, description="exporter"), cidr(2, 80, "10.0.0.0/8"))
    result = aws([RULE, {"ports": [80], "cidr_ip": ["10.0.0.0/16"], "state": "absent"}])
    assert result["changed"] is False
    assert result["covered"] == [{"rule": "ingress tcp/80 from 10.0.0.0/16", "by": ["sgr-2"]}]


# --- other runs at the same time


def test_duplicate_means_somebody_else_added_it(aws):
    aws.found()
    aws.refuse("authorize_security_group_ingress", "InvalidPermission.Duplicate")
    aws.rules(item(7, description="exporter"))
    result = aws([RULE])
    assert result["added"][0]["rule_id"] == "sgr-7"
    assert result["changed"] is True, "the rule was not there when this run began"
    assert result["diff"]["prepared"] == f"+ {RULE_LINE}\n"


def test_only_what_is_still_missing_is_sent_after_a_duplicate(aws):
    aws.found()
    aws.refuse("authorize_security_group_ingress", "InvalidPermission.Duplicate")
    aws.rules(cidr(8, 22))
    aws.authorize([PERMISSION], [item(7, description="exporter")])
    result = aws([RULE, {"ports": [22], "cidr_ip": ["10.0.0.0/16"]}])
    assert [rule["rule_id"] for rule in result["added"]] == ["sgr-8", "sgr-7"]


def test_duplicate_that_is_not_listed_yet(aws):
    aws.found()
    for dummy in range(3):
        aws.refuse("authorize_security_group_ingress", "InvalidPermission.Duplicate")
        aws.rules(*([item(7, description="exporter")] if dummy == 2 else []))
    assert aws([RULE])["added"][0]["rule_id"] == "sgr-7"
    assert aws.sleeps == [0, 1, 2]


def test_duplicate_that_is_never_listed(aws):
    aws.found()
    for dummy in security_group.PAUSES:
        aws.refuse("authorize_security_group_ingress", "InvalidPermission.Duplicate", "the rule already exists")
        aws.rules()
    result = aws.fails([RULE])
    assert result["error"]["code"] == "InvalidPermission.Duplicate"
    assert result["done"] == []


@pytest.mark.parametrize("code", ["InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound"])
def test_not_found_means_somebody_else_removed_it(aws, code):
    aws.found(item(1, description="exporter"), cidr(2, 22), cidr(3, 80))
    aws.refuse("revoke_security_group_ingress", code)
    aws.rules(item(1, description="exporter"), cidr(3, 80))
    aws.revoke("sgr-3")
    result = aws([RULE, {"ports": [22, 80], "cidr_ip": ["10.0.0.0/16"], "state": "absent"}])
    assert [rule["rule_id"] for rule in result["rules"]] == ["sgr-1"]
    assert result["diff"]["prepared"].splitlines() == [
        "- ingress tcp/22 from 10.0.0.0/16",
        "- ingress tcp/80 from 10.0.0.0/16",
    ]


def test_default_vpc_says_not_found_without_an_error(aws):
    """There AWS answers Return: true and lists what it did not know."""
    aws.found(item(1, description="exporter"), cidr(2, 22))
    aws.revoke("sgr-2", UnknownIpPermissions=[cidr_permission(22, "10.0.0.0/16")])
    result = aws([RULE, {"ports": [22], "cidr_ip": ["10.0.0.0/16"], "state": "absent"}])
    assert [rule["rule_id"] for rule in result["rules"]] == ["sgr-1"]


def test_rule_that_vanishes_before_its_description_changes_is_added_anew(aws):
    aws.found(item(1, description="old"))
    aws.refuse("modify_security_group_rules", "InvalidSecurityGroupRuleId.NotFound")
    aws.rules()
    aws.authorize([PERMISSION], [item(7, description="exporter")])
    assert [rule["rule_id"] for rule in aws([RULE])["rules"]] == ["sgr-7"]


# --- errors


def test_throttling_is_waited_out(aws):
    aws.refuse("describe_security_groups", "RequestLimitExceeded")
    aws.found()
    aws.refuse("authorize_security_group_ingress", "RequestLimitExceeded", times=2)
    aws.authorize([PERMISSION], [item(7, description="exporter")])
    assert aws([RULE])["changed"] is True
    assert len(aws.sleeps) == 3
    assert max(aws.sleeps) > 0


def test_throttling_without_end(aws):
    aws.found()
    aws.refuse("authorize_security_group_ingress", "RequestLimitExceeded", "Request limit exceeded.", times=4)
    result = aws.fails([RULE])
    assert result["error"] == {
        "operation": "AuthorizeSecurityGroupIngress",
        "code": "RequestLimitExceeded",
        "message": "Request limit exceeded.",
        "request_id": "req-1",
    }
    assert result["changed"] is False


def test_partial_failure_tells_what_was_done(aws):
    aws.found(cidr(2, 22))
    aws.authorize([PERMISSION], [item(7, description="exporter")])
    aws.refuse(
        "revoke_security_group_ingress",
        "UnauthorizedOperation",
        "You are not authorized to perform this operation. Encoded authorization failure message: aBcD\nEfGh",
    )
    result = aws.fails([RULE, {"ports": [22], "cidr_ip": ["10.0.0.0/16"], "state": "absent"}])
    assert result["msg"] == (
        f"{GROUP} (redis-sg): RevokeSecurityGroupIngress failed: UnauthorizedOperation: You are not authorized to "
        "perform this operation; the IAM policy lacks ec2:RevokeSecurityGroupIngress; request id req-1; "
        f"done before: + {RULE_LINE}"
    )
    assert result["done"] == [f"+ {RULE_LINE}"]
    assert result["changed"] is True
    assert result["error"]["missing_permission"] == "ec2:RevokeSecurityGroupIngress"
    assert "aBcD" in result["error"]["message"], "nothing of what AWS said is lost"


def test_line_of_a_rule_that_was_half_updated(aws):
    aws.found(item(1, description="old"))
    aws.modify("sgr-1", IpProtocol="tcp", FromPort=9121, ToPort=9121, ReferencedGroupId=PEER, Description="exporter")
    aws.refuse("create_tags", "UnauthorizedOperation")
    result = aws.fails([RULE], owner="prometheus", adopt=True)
    assert result["done"] == [f'~ ingress tcp/9121 from {PEER} (prometheus-sg) "old" -> "exporter"']


def test_missing_permission_is_the_one_that_aws_names(aws):
    aws.found()
    aws.refuse(
        "authorize_security_group_ingress",
        "UnauthorizedOperation",
        "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/x is not authorized to "
        "perform: ec2:CreateTags on resource: arn:aws:ec2:eu-west-1:123456789012:security-group-rule/* because no "
        "identity-based policy allows the ec2:CreateTags action.",
    )
    result = aws.fails([RULE], owner="prometheus")
    assert result["error"]["missing_permission"] == "ec2:CreateTags"
    assert "the IAM policy lacks ec2:CreateTags" in result["msg"]
    assert result["msg"].endswith("done before: nothing")


def test_error_while_reading(aws):
    aws.refuse("describe_security_groups", "AuthFailure", "AWS was not able to validate the provided credentials")
    result = aws.fails([RULE])
    assert result["msg"].startswith("redis-sg: DescribeSecurityGroups failed: AuthFailure: AWS was not able")
    assert result["group_id"] is None


def test_error_without_an_answer(aws, monkeypatch):
    def broken(**request):
        raise EndpointConnectionError(endpoint_url="https://ec2.eu-west-1.amazonaws.com/")

    monkeypatch.setattr(aws.connection, "describe_security_groups", broken)
    result = aws.fails([RULE])
    assert result["error"]["code"] == "EndpointConnectionError"
    assert "https://ec2.eu-west-1.amazonaws.com/" in result["msg"]


def test_unknown_source_id_is_refused_by_aws_before_anything_changes(aws):
    aws.groups(group(), group_name=["redis-sg"])
    aws.rules(cidr(2, 22))
    aws.refuse("authorize_security_group_ingress", "InvalidGroup.NotFound", f"You have specified two resources {PEER}")
    result = aws.fails(
        [{"ports": [9121], "group_id": [PEER]}, {"ports": [22], "cidr_ip": ["10.0.0.0/16"], "state": "absent"}]
    )
    assert "a source group does not exist" in result["msg"]
    assert result["done"] == []


# --- full groups

FULL = "RulesPerSecurityGroupLimitExceeded"
SWAP = [
    {"ports": [22], "cidr_ip": ["198.51.100.8/32"]},
    {"ports": [22], "cidr_ip": ["198.51.100.7/32"], "state": "absent"},
]
FOREIGN = [cidr(100 + number, 5000 + number) for number in range(59)]
NEW = cidr_permission(22, "198.51.100.8/32")
BACK = cidr_permission(22, "198.51.100.7/32", description="mine")


def full_group(aws, tags=()):
    aws.groups(group(), group_name=["redis-sg"])
    aws.rules(*FOREIGN, cidr(1, 22, "198.51.100.7/32", description="mine", tags=tags))


def test_full_group_is_an_error_with_numbers(aws):
    full_group(aws)
    aws.refuse("authorize_security_group_ingress", FULL, "The maximum number of rules per security group")
    result = aws.fails(SWAP)
    assert "60 ingress rules are there, 1 were to be added and 1 then removed; allow_gap: true removes" in result["msg"]
    assert result["done"] == []
    assert aws.warnings == [
        f"{GROUP} has 60 ingress rules, 1 more are to be added: AWS's default quota is 60; "
        "where it has not been raised, AWS will refuse"
    ]


def test_aws_is_asked_whether_it_would_allow_it(aws):
    """In check mode, for each kind of call that the run would make; nothing is carried out."""
    wanted = [{"ports": [9121], "group_name": ["prometheus-sg"]}, {"ports": [9100], "group_name": ["prometheus-sg"]}]
    for code in ("DryRunOperation", "UnauthorizedOperation"):
        aws.found(cidr(7, 9000, Tags=[{"Key": "redis-monitoring:owner", "Value": "us"}]))
        for operation in ("authorize_security_group_ingress", "revoke_security_group_ingress")[: 1 + (code[0] == "D")]:
            aws.stubber.add_client_error(operation, code, "no", http_status_code=412)
        result = aws(wanted, check=True, dry_run=True, owner="us", purge="owned")
        assert result.get("failed", False) == (code == "UnauthorizedOperation"), result
    assert result["error"]["missing_permission"] == "ec2:AuthorizeSecurityGroupIngress"
    assert "nothing" in result["msg"]


def test_full_group_is_foretold_in_check_mode(aws):
    full_group(aws)
    assert aws(SWAP, check=True)["changed"] is True
    assert "AWS's default quota is 60" in aws.warnings[0]


def test_full_group_with_nothing_to_remove(aws):
    full_group(aws)
    aws.refuse("authorize_security_group_ingress", FULL)
    result = aws.fails(SWAP[:1], allow_gap=True)
    assert "60 ingress rules are there, 1 were to be added and 0 then removed; remove rules or raise" in result["msg"]


def test_allow_gap_makes_no_gap_where_there_is_room(aws):
    full_group(aws)
    aws.authorize([NEW], [cidr(7, 22, "198.51.100.8/32")])
    aws.revoke("sgr-1")
    assert aws(SWAP, allow_gap=True)["changed"] is True


def test_allow_gap_revokes_first_where_there_is_none(aws):
    full_group(aws)
    aws.refuse("authorize_security_group_ingress", FULL)
    aws.revoke("sgr-1")
    aws.authorize([NEW], [cidr(7, 22, "198.51.100.8/32")])
    result = aws(SWAP, allow_gap=True)
    assert len(result["rules"]) == 60
    assert result["diff"]["prepared"].splitlines() == [
        '- ingress tcp/22 from 198.51.100.7/32 "mine"',
        "+ ingress tcp/22 from 198.51.100.8/32",
    ]


def test_allow_gap_puts_back_what_it_took(aws):
    full_group(aws, tags=[OWNER_TAG])
    aws.refuse("authorize_security_group_ingress", FULL)
    aws.revoke("sgr-1")
    aws.refuse("authorize_security_group_ingress", "UnauthorizedOperation")
    aws.authorize([BACK], [cidr(9, 22, "198.51.100.7/32", description="mine", tags=[OWNER_TAG])], tags=[OWNER_TAG])
    result = aws.fails(SWAP, allow_gap=True)
    assert result["error"]["operation"] == "AuthorizeSecurityGroupIngress"
    assert result["done"] == []
    assert "could not be put back" not in result["msg"]


def test_allow_gap_that_cannot_put_back_says_so(aws):
    full_group(aws)
    aws.refuse("authorize_security_group_ingress", FULL)
    aws.revoke("sgr-1")
    aws.refuse("authorize_security_group_ingress", "UnauthorizedOperation", times=2)
    result = aws.fails(SWAP, allow_gap=True)
    assert 'could not be put back: ingress tcp/22 from 198.51.100.7/32 "mine"' in result["msg"]
    assert result["done"] == ['- ingress tcp/22 from 198.51.100.7/32 "mine"']
    assert result["changed"] is True
