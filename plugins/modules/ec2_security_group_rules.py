#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_security_group_rules
short_description: Manage rules of an EC2 security group without taking the group over
version_added: 1.0.0
author: redisops.monitoring contributors (@redisops)
description:
  - Adds, describes and removes rules of one existing security group. Rules that are not listed stay as they are,
    unless O(purge) says otherwise, so that several owners can share a group.
  - New rules are authorised before old ones are revoked, so that no change opens a gap in the traffic that is wanted.
    Descriptions are changed in place, which keeps the rule, its ID and its tags.
  - Everything that can be judged without AWS is judged before the first call; a group is never created, so a typing
    error in its name is an error.
  - An unchanged run makes two API calls, C(DescribeSecurityGroups) and C(DescribeSecurityGroupRules), and neither STS
    nor IAM is asked. With O(group_id), names in O(rules[].group_name) that no rule refers to yet take one more.
options:
  group_id:
    description:
      - ID of the security group.
      - Exactly one of O(group_id) and O(group_name) is required.
    type: str
  group_name:
    description:
      - Name of the security group. It is an error if no group or more than one group has it.
    type: str
  vpc_id:
    description:
      - ID of the VPC that the group is in. Needed with O(group_name) where several VPCs have a group of that name.
    type: str
  rules:
    description:
      - The rules. Lists of ports and sources are unfolded; each combination is a rule of its own, as in AWS.
    type: list
    elements: dict
    required: true
    suboptions:
      direction:
        description: Whether the rule is for traffic that comes in or goes out.
        type: str
        choices: [ingress, egress]
        default: ingress
      proto:
        description:
          - Protocol, V(tcp), V(udp), V(icmp), V(icmpv6), V(all) (or V(-1)), or a number from V(0) to V(255).
        type: str
        default: tcp
      ports:
        description:
          - Ports and ranges, such as V(9121) and V(16379-16384), for V(tcp) and V(udp).
          - One of O(rules[].ports) and O(rules[].from_port) with O(rules[].to_port) is required for these.
        type: list
        elements: str
      from_port:
        description:
          - First port of a range; or the ICMP type.
        type: int
      to_port:
        description:
          - Last port of the range; or the ICMP code.
        type: int
      icmp_type:
        description:
          - ICMP type, V(-1) for all, which is also what leaving it out means.
        type: int
      icmp_code:
        description:
          - ICMP code, V(-1) for all, which is also what leaving it out means.
        type: int
      cidr_ip:
        description:
          - IPv4 networks. Host bits must be zero, V(10.0.1.5/16) is refused. A bare address means that one host.
          - At least one of O(rules[].cidr_ip), O(rules[].cidr_ipv6), O(rules[].ip_prefix), O(rules[].group_id) and
            O(rules[].group_name) is required.
        type: list
        elements: str
      cidr_ipv6:
        description:
          - IPv6 networks, under the same conditions.
        type: list
        elements: str
      ip_prefix:
        description:
          - IDs of prefix lists.
        type: list
        elements: str
      group_id:
        description:
          - IDs of security groups. For a group of another account, in a peered VPC, C(<account>/<group ID>).
          - With O(group_id) they are looked up in the call that finds the group; with O(group_name) it is AWS that
            refuses unknown ones.
        type: list
        elements: str
      group_name:
        description:
          - Names of security groups in the same VPC.
        type: list
        elements: str
      rule_desc:
        description:
          - Description of the rule. Left out, the description that a rule already has is left alone; V("") removes it.
          - At most 255 characters; AWS takes unaccented letters, digits, blanks and C(._-:/()#,@[]+=&;{}!$*).
        type: str
      state:
        description:
          - V(absent) removes exactly this rule and no rule that merely overlaps with it.
        type: str
        choices: [present, absent]
        default: present
  purge:
    description:
      - Which rules that are not listed are removed.
      - V(none) removes none.
      - V(owned) removes those whose tag C(redis-monitoring:owner) is O(owner). Every list of rules that is applied to a
        group with V(owned) needs an O(owner) of its own.
      - V(all) removes all in the directions that O(rules) has present rules for; an empty list removes nothing.
    type: str
    choices: [none, owned, all]
    default: none
  owner:
    description:
      - Rules that are added get this value as tag C(redis-monitoring:owner), in the call that adds them.
      - Required by O(purge=owned) and O(adopt=true).
    type: str
  adopt:
    description:
      - Tag listed rules that exist without an owner as owned by O(owner), so that a later O(purge=owned) may remove
        them. Rules of another owner are left alone.
    type: bool
    default: false
  allow_world:
    description:
      - Allow ingress from networks wider than C(/8) (IPv6, C(/7)), such as V(0.0.0.0/0) and V(::/0), to a port of SSH,
        Redis or monitoring. These are 22, 3000, 6379, 9090, 9093, 9094, 9100, 9115, 9121 and 16379, over TCP and UDP.
        Ranges that contain one and rules for all protocols count too.
    type: bool
    default: false
  allow_gap:
    description:
      - What to do in a group so full that AWS refuses the new rules while the old ones are there. With V(true), the
        rules to be removed are revoked first, and put back (with new IDs) if AWS still refuses. With V(false), this is
        an error and nothing is changed.
    type: bool
    default: false
extends_documentation_fragment:
  - redisops.monitoring._attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    details: Makes the same plan, by the same read calls, and writes nothing.
  diff_mode:
    details: One line a rule, sorted. The lines of check mode are those of the real run.
notes:
  - The IAM policy that the module needs is in C(docs/iam-security-groups.md) of the collection.
  - A wanted rule is added even if a wider rule already covers it; RV(covered) tells.
seealso:
  - module: amazon.aws.ec2_security_group
"""

EXAMPLES = r"""
- name: Prometheus may scrape the exporters
  redisops.monitoring.ec2_security_group_rules:
    region: eu-west-1
    group_name: redis-cluster-sg
    vpc_id: vpc-0123456789abcdef0
    rules:
      - ports: 9121
        group_name: prometheus-sg
        rule_desc: Redis exporter metrics

- name: The administrators' address has changed, so the rules for the old one go after the new ones are in place
  redisops.monitoring.ec2_security_group_rules:
    region: eu-west-1
    group_id: sg-0123456789abcdef0
    owner: my-ip
    purge: owned
    rules:
      - ports: [22, 3000, 9090]
        cidr_ip: 198.51.100.7/32
        rule_desc: administration

- name: One rule goes, whoever made it
  redisops.monitoring.ec2_security_group_rules:
    region: eu-west-1
    group_id: sg-0123456789abcdef0
    rules:
      - ports: 9121
        cidr_ip: 10.0.0.0/16
        state: absent
"""

RETURN = r"""
group_id:
  description: ID of the security group.
  returned: once the group has been found
  type: str
group_name:
  description: Name of the security group.
  returned: once the group has been found
  type: str
vpc_id:
  description: ID of its VPC.
  returned: once the group has been found
  type: str
rules:
  description: All rules that the group has now; in check mode, that it would have.
  returned: success
  type: list
  elements: dict
  contains:
    rule_id:
      description: ID of the rule; null where check mode would add it.
      type: str
    direction:
      description: V(ingress) or V(egress).
      type: str
    proto:
      description: Protocol, V(all) for all.
      type: str
    from_port:
      description: First port, ICMP type, or V(-1) for all.
      type: int
    to_port:
      description: Last port, ICMP code, or V(-1) for all.
      type: int
    cidr_ip:
      description: The IPv4 network.
      returned: when that is the source
      type: str
    cidr_ipv6:
      description: The IPv6 network.
      returned: when that is the source
      type: str
    ip_prefix:
      description: The prefix list.
      returned: when that is the source
      type: str
    group_id:
      description: The security group.
      returned: when that is the source
      type: str
    rule_desc:
      description: Description, empty if there is none.
      type: str
    owner:
      description: Value of the tag C(redis-monitoring:owner), null if there is none.
      type: str
    tags:
      description: All tags of the rule.
      type: dict
  sample:
    - rule_id: sgr-0123456789abcdef0
      direction: ingress
      proto: tcp
      from_port: 9121
      to_port: 9121
      group_id: sg-0fedcba9876543210
      rule_desc: Redis exporter metrics
      owner: null
      tags: {}
added:
  description: Rules of RV(rules) that were added.
  returned: success
  type: list
  elements: dict
updated:
  description: Rules of RV(rules) whose description or owner was changed.
  returned: success
  type: list
  elements: dict
removed:
  description: Rules that were removed.
  returned: success
  type: list
  elements: dict
unchanged:
  description:
    - Listed rules that were already right. With O(owner), C(adopted) tells whether the rule belongs to it.
  returned: success
  type: list
  elements: dict
covered:
  description: Listed rules that a wider rule of the group covers too; for an absent rule, that traffic is still let in.
  returned: success
  type: list
  elements: dict
  contains:
    rule:
      description: The listed rule.
      type: str
    by:
      description: IDs of the wider rules.
      type: list
      elements: str
  sample:
    - rule: ingress tcp/9121 from 10.0.1.0/24
      by: [sgr-0123456789abcdef0]
api_calls:
  description: Requests sent to AWS, repeated ones included.
  returned: always
  type: int
  sample: 2
done:
  description: On failure, the lines of the diff that had already taken effect.
  returned: when a call to AWS failed
  type: list
  elements: str
error:
  description: What AWS said.
  returned: when a call to AWS failed
  type: dict
  contains:
    operation:
      description: The API operation.
      type: str
    code:
      description: Error code of AWS, or the kind of failure where AWS has not answered.
      type: str
    message:
      description: Message of AWS.
      type: str
    request_id:
      description: Request ID for AWS support.
      type: str
    missing_permission:
      description: The IAM action that was denied.
      returned: when the code is V(UnauthorizedOperation)
      type: str
"""

import gc
import re
import time

if __name__ == "__main__":
    # A process of half a second: collecting garbage while boto3 is imported and its EC2 model unpacked, and all of it
    # once more at exit (see gc.freeze below), would be a third of its time.
    gc.disable()

try:
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
except ImportError:
    pass  # AnsibleAWSModule says so

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.redisops.monitoring.plugins.module_utils import _ec2_loader
from ansible_collections.redisops.monitoring.plugins.module_utils import _security_group_rules as sgr

# Another run got there first: what it did is read again, and only what is still missing is done.
RACES = ("InvalidPermission.Duplicate", "InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound")
PAUSES = (0, 1, 2, 4, 8)  # seconds before each reading again: AWS may take a moment to show a change
MOST_FILTER_VALUES = 200
THROTTLED = ("RequestLimitExceeded", "Throttling", "ThrottlingException", "EC2ThrottledException")  # with status 503
GROUP_FULL = "RulesPerSecurityGroupLimitExceeded"
CURES = {
    "InvalidGroup.NotFound": "the group or a source group does not exist, or is of another account or an unpeered VPC",
    "RequestLimitExceeded": "AWS kept throttling; run it again later",
    "NoCredentialsError": "give profile, access_key with secret_key, or run where there is an instance profile",
}


class SecurityGroup:
    """One group in AWS, and what this run has done to it so far."""

    def __init__(self, client, params):
        self.client = client
        self.params = params
        self.group = {}
        self.names = {}  # group names by id, as far as they are known
        self.wanted = {}
        self.rules = []
        self.descriptions = {}  # by key, for rules that are listed without one
        self.done = {}  # lines of the diff by (sign, key)
        self.not_put_back = []
        self.unsure = False  # whether the call that failed has had an effect
        self.warnings = []
        self.requests = 0
        self.operation = None
        client.meta.events.register("before-send.ec2", self._count)

    @property
    def id(self):
        return self.group["GroupId"]

    def _count(self, **kwargs):
        self.requests += 1

    def _call(self, operation, **request):
        self.operation = operation
        try:
            return getattr(self.client, operation)(aws_retry=True, **request)
        except KeyError as error:
            # AWSRetry looks for a code in every error; a page that a proxy put in the way has none.
            raise error.__context__ or error from None

    # --- reading

    def read(self, wanted):
        """Find the group and the groups that *wanted* names, and read the rules."""
        names = {want.key.source for want in wanted if want.key.kind == "group_name"}
        group_id, items = self.params["group_id"], None
        if group_id:
            items = self._items(group_id)
            ids = self._find_by_id(wanted, names, items)
        else:
            ids = self._find_by_name(names)
        self.wanted = sgr.merge(list(self._with_ids(wanted, ids)))
        self.descriptions = sgr.group_descriptions(self.group)
        self.rules = [self._rule(item) for item in (self._items(self.id) if items is None else items)]

    def _pages(self, operation, member, filters):
        found, token = [], {}
        filters = [{"Name": name, "Values": sorted(values)} for name, values in filters.items()]
        while True:
            page = self._call(operation, Filters=filters, **token)
            if member not in page:
                raise ResponseParserError(f"the answer has no {member}; is endpoint_url that of EC2?")
            found += page[member]
            if not page.get("NextToken"):
                return found
            token = {"NextToken": page["NextToken"]}

    def _groups(self, filters):
        groups = self._pages("describe_security_groups", "SecurityGroups", filters)
        self.names.update((group["GroupId"], group["GroupName"]) for group in groups)
        return groups

    def _items(self, group_id):
        return self._pages("describe_security_group_rules", "SecurityGroupRules", {"group-id": [group_id]})

    def _find_by_name(self, names):
        """Set the group; the ids of the groups called *names* come with it."""
        name, vpc_id = self.params["group_name"], self.params["vpc_id"]
        groups = self._groups({"group-name": {name, *names}, **({"vpc-id": [vpc_id]} if vpc_id else {})})
        # The filter takes wildcards, so a name with an asterisk finds others too.
        self._choose([group for group in groups if group["GroupName"] == name], f'"{name}"')
        return self._ids(groups)

    def _find_by_id(self, wanted, names, items):
        """Set the group. AWS cannot be asked for an id or a name, but groups that rules refer to already come by id."""
        group_id = self.params["group_id"]
        sources = {want.key.source for want in wanted if want.key.kind == "group_id" and not want.account}
        asked = {group_id, *sources}
        if names:
            known = {item.get("ReferencedGroupInfo", {}).get("GroupId") for item in items} - {None}
            asked.update(sorted(known)[: MOST_FILTER_VALUES - len(asked)])
        groups = self._groups({"group-id": asked})
        self._choose([group for group in groups if group["GroupId"] == group_id], group_id)
        self._check_sources(wanted, sources - set(self.names))
        if names - set(self._ids(groups)):
            groups += self._groups({"group-name": names, "vpc-id": [self.group["VpcId"]]})
        return self._ids(groups)

    def _ids(self, groups):
        """Ids by name, which is unique in the VPC."""
        return {group["GroupName"]: group["GroupId"] for group in groups if group["VpcId"] == self.group["VpcId"]}

    def _choose(self, groups, asked):
        vpc_id = self.params["vpc_id"]
        groups = [group for group in groups if vpc_id in (None, "", group["VpcId"])]
        if not groups:
            where = f"in {vpc_id}" if vpc_id else "in this region and account"
            raise sgr.RuleError(f"no security group {asked} {where}; nothing was created, correct it or the region")
        if len(groups) > 1:
            ids = ", ".join(sorted(f"{group['GroupId']} in {group['VpcId']}" for group in groups))
            raise sgr.RuleError(f"{len(groups)} security groups are named {asked}: {ids}; give vpc_id or group_id")
        self.group = groups[0]

    @staticmethod
    def _check_sources(wanted, unknown):
        for want in wanted:
            if want.present and want.key.source in unknown:
                raise sgr.RuleError(
                    f"{want.where}: no security group {want.key.source} in this region and account; "
                    "one of another account is written <account>/<group id>"
                )

    def _with_ids(self, wanted, ids):
        """*wanted* with ids in place of group names."""
        for want in wanted:
            if want.key.kind != "group_name":
                yield want
            elif want.key.source in ids:
                yield want._replace(key=want.key._replace(kind="group_id", source=ids[want.key.source]))
            else:
                missing = f'{want.where}: no security group "{want.key.source}" in {self.group["VpcId"]}'
                if want.present:
                    raise sgr.RuleError(f"{missing}; correct the name, or give the id of a group of a peered VPC")
                self.warnings.append(f"{missing}, so there is no such rule to remove")

    def read_rules(self):
        self.rules = [self._rule(item) for item in self._items(self.id)]

    def _read_descriptions(self):
        """Of rules that came since the group was read, if the server leaves them out of the rules."""
        wanted = {key for key, want in self.wanted.items() if want.present and want.description}
        if any(rule.key in wanted and not rule.description for rule in self.rules):
            for group in self._groups({"group-id": [self.id]}):
                self.descriptions.update(sgr.group_descriptions(group))
            self.rules = [
                rule._replace(description=rule.description or self.descriptions.get(rule.key, ""))
                for rule in self.rules
            ]

    def _rule(self, item):
        rule = sgr.rule_from_aws(item, self.group["OwnerId"])
        if item.get("Description") is None:
            return rule._replace(description=self.descriptions.get(rule.key, ""))
        return rule

    def plan(self):
        return sgr.make_plan(self.wanted, self.rules, self.params["purge"], self.params["owner"], self.params["adopt"])

    # --- writing

    def converge(self):
        """Bring the group to the wanted state, whatever other runs do to it meanwhile."""
        for pause in PAUSES:
            plan = self.plan()
            try:
                return self._apply(plan)
            except _failures() as error:
                if _code(error) not in RACES:
                    if not _refused(error):
                        self._find_out(plan)
                    raise
                race = error
            time.sleep(pause)
            self.read_rules()
            self._read_descriptions()
            self._note(plan)
        raise race

    def _note(self, plan):
        """Whoever did it: what was planned and is in effect now has changed since this run looked first."""
        still = sgr.lines(self.plan())
        self.done.update((item, line) for item, line in sgr.lines(plan, self.names).items() if item not in still)

    def _find_out(self, plan):
        """After a call that AWS may have carried out, although all that came back is no answer."""
        operation = self.operation
        try:
            self.read_rules()
            self._note(plan)
        except _failures():
            self.unsure = True
        self.operation = operation

    def _apply(self, plan):
        removed = []
        for direction in sgr.DIRECTIONS:
            new = [want for want in plan.add if want.key.direction == direction]
            old = [rule for rule in plan.remove if rule.key.direction == direction]
            if new:
                removed += self._add(direction, new, old)
        described = [change._replace(owner=None) for change in plan.update if change.description is not None]
        if described:
            request = {"GroupId": self.id, "SecurityGroupRules": sgr.description_updates(described)}
            self._call("modify_security_group_rules", **request)
            self._note_updates(described)
        adopted = [change for change in plan.update if change.owner]
        if adopted:
            tags = [{"Key": sgr.OWNER_TAG, "Value": self.params["owner"]}]
            self._call("create_tags", Resources=[change.rule.id for change in adopted], Tags=tags)
            self._note_updates(adopted)
        for direction in sgr.DIRECTIONS:
            old = [rule for rule in plan.remove if rule.key.direction == direction and rule not in removed]
            if old:
                self._revoke(direction, old)

    def _add(self, direction, new, old):
        """Authorise *new*; the rules of *old* that had to go first because the group was full."""
        owner = self.params["owner"]
        tags = {sgr.OWNER_TAG: owner} if owner else {}
        removed = []
        try:
            self._authorize(direction, new, tags)
        except ClientError as error:
            if _code(error) != GROUP_FULL or not old or not self.params["allow_gap"]:
                raise
            self._revoke(direction, old)
            removed = old
            try:
                self._authorize(direction, new, tags)
            except _failures() as again:
                if _code(again) not in RACES:
                    self._put_back(direction, old)
                raise again
        return removed

    def _authorize(self, direction, new, tags):
        request = {"GroupId": self.id, "IpPermissions": sgr.permissions(new)}
        if tags:
            request["TagSpecifications"] = sgr.tag_specifications(tags)
        answer = self._call(f"authorize_security_group_{direction}", **request)
        for rule in new:
            # A rule that is put back has not changed.
            if self.done.pop(("-", rule.key), None) is None:
                self.done["+", rule.key] = sgr.added_line(rule, self.names)
        self.descriptions.update({rule.key: rule.description or "" for rule in new})
        created = [self._rule(item) for item in answer.get("SecurityGroupRules") or ()]
        if {rule.key for rule in created} >= {rule.key for rule in new}:
            self.rules += created
        else:
            self.read_rules()

    def _put_back(self, direction, old):
        operation = self.operation
        by_tags = {}
        for rule in old:
            by_tags.setdefault(tuple(sorted(rule.tags.items())), []).append(rule)
        for tags, rules in by_tags.items():
            try:
                self._authorize(direction, rules, dict(tags))
            except _failures():
                missing = [rule for rule in rules if ("-", rule.key) in self.done]
                self.not_put_back += [sgr.removed_line(rule, self.names)[2:] for rule in missing]
        self.operation = operation

    def _revoke(self, direction, old):
        ids = [rule.id for rule in old]
        self._call(f"revoke_security_group_{direction}", GroupId=self.id, SecurityGroupRuleIds=ids)
        self.rules = [rule for rule in self.rules if rule.id not in ids]
        self.done.update({("-", rule.key): sgr.removed_line(rule, self.names) for rule in old})

    def _note_updates(self, changes):
        by_id = {change.rule.id: sgr.updated_rule(change) for change in changes}
        self.rules = [by_id.get(rule.id, rule) for rule in self.rules]
        self.done.update({("~", change.rule.key): sgr.updated_line(change, self.names) for change in changes})

    # --- reporting

    def identity(self):
        return {
            "group_id": self.group.get("GroupId"),
            "group_name": self.group.get("GroupName"),
            "vpc_id": self.group.get("VpcId"),
        }

    def result(self, plan, rules, done):
        """What exit_json tells: *plan* was made of the rules at first, *rules* are there at last."""
        shown = {rule.key: sgr.public(rule) for rule in rules}
        gone = [sgr.public(rule) for rule in plan.remove]
        unchanged = [dict(shown[rule.key]) for rule in plan.unchanged if rule.key in shown]
        if self.params["owner"]:
            for rule in unchanged:
                rule["adopted"] = rule["owner"] == self.params["owner"]
        return {
            "changed": bool(done),
            "diff": {"prepared": "".join(f"{line}\n" for line in sgr.in_order(done))},
            "rules": [shown[rule.key] for rule in sorted(rules, key=lambda rule: rule.key.order)],
            "added": [shown[want.key] for want in plan.add if want.key in shown],
            "updated": [shown[change.rule.key] for change in plan.update if change.rule.key in shown],
            "removed": gone,
            "unchanged": unchanged,
            "covered": [
                {"rule": sgr.text(key, self.names), "by": [rule.id for rule in wider]}
                for key in sorted(self.wanted, key=lambda key: key.order)
                for wider in [sgr.covering(key, rules)]
                if wider
            ],
            "api_calls": self.requests,
            **self.identity(),
        }

    def failure(self, error):
        """What fail_json tells about an error of AWS."""
        operation = self.client.meta.method_to_api_mapping.get(self.operation, self.operation)
        response = getattr(error, "response", None) or {}
        code = _code(error)
        said = response.get("Error", {}).get("Message") or str(error)
        said = said if response.get("Error") else said[:300]  # an answer that is not of AWS may be a whole page
        details = {
            "operation": operation,
            "code": code,
            "message": said,
            "request_id": response.get("ResponseMetadata", {}).get("RequestId"),
        }
        cure = CURES.get(code)
        if code == "UnauthorizedOperation":
            # AWS mostly names it: with TagSpecifications it may be CreateTags that is denied.
            named = re.search(r"not authorized to perform: (ec2:\w+)", said)
            details["missing_permission"] = named[1] if named else f"ec2:{operation}"
            cure = f"the IAM policy lacks {details['missing_permission']}"
        elif code == GROUP_FULL:
            cure = self._full()
        # AWS appends kilobytes of encoded details; they stay in error.message.
        short = " ".join(re.sub(r"Encoded authorization failure message:.*", "", said, flags=re.DOTALL).split())
        done = sgr.in_order(self.done)
        name = f" ({self.group['GroupName']})" if self.group else ""
        asked = self.group.get("GroupId") or self.params["group_id"] or self.params["group_name"]
        parts = [
            f"{asked}{name}: {operation} failed: {code}: {short.rstrip('.;')}",
            cure,
            self.unsure and "whether AWS has carried it out is not known",
            self.not_put_back and f"could not be put back: {', '.join(self.not_put_back)}",
            details["request_id"] and f"request id {details['request_id']}",
            f"done before: {', '.join(done) or 'nothing'}",
        ]
        return {
            "msg": "; ".join(part for part in parts if part),
            "changed": bool(done),
            "error": details,
            "done": done,
            "api_calls": self.requests,
            **self.identity(),
        }

    def _full(self):
        plan = self.plan()
        direction = "egress" if self.operation.endswith("egress") else "ingress"
        here, new, old = (
            sum(rule.key.direction == direction for rule in rules) for rules in (self.rules, plan.add, plan.remove)
        )
        numbers = f"{here} {direction} rules are there, {new} were to be added and {old} then removed"
        if old and not self.params["allow_gap"]:
            return f"{numbers}; allow_gap: true removes first, or raise the quota of rules per security group"
        return f"{numbers}; remove rules or raise the quota of rules per security group"


def _failures():
    """What a call may end with. botocore's parser has errors of its own."""
    return ClientError, BotoCoreError, ResponseParserError


def _code(error):
    response = getattr(error, "response", None) or {}
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return response.get("Error", {}).get("Code") or (f"HTTP {status}" if status else type(error).__name__)


def _refused(error):
    """Whether AWS has said no, so that nothing has happened."""
    response = getattr(error, "response", None) or {}
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return bool(response.get("Error")) and (status < 500 or _code(error) in THROTTLED)


def _one_line(error):
    return " ".join(str(error).split())


def run(module, group, wanted):
    """The result of the module."""
    group.read(wanted)
    plan, before = group.plan(), list(group.rules)
    for direction, now, new in sgr.over_quota(before, plan):
        module.warn(
            f"{group.id} has {now} {direction} rules, {new} more are to be added: AWS's default quota is "
            f"{sgr.DEFAULT_QUOTA}; where it has not been raised, AWS will refuse"
        )
    for warning in group.warnings:
        module.warn(warning)
    if module.check_mode:
        rules = sgr.predict(plan, before, module.params["owner"])
        return group.result(plan, rules, sgr.lines(plan, group.names))
    group.converge()
    return group.result(plan, group.rules, group.done)


def main():
    rule_spec = {
        "direction": {"choices": list(sgr.DIRECTIONS), "default": "ingress"},
        "proto": {"default": "tcp"},
        "ports": {"type": "list", "elements": "str"},
        "from_port": {"type": "int"},
        "to_port": {"type": "int"},
        "icmp_type": {"type": "int"},
        "icmp_code": {"type": "int"},
        "cidr_ip": {"type": "list", "elements": "str"},
        "cidr_ipv6": {"type": "list", "elements": "str"},
        "ip_prefix": {"type": "list", "elements": "str"},
        "group_id": {"type": "list", "elements": "str"},
        "group_name": {"type": "list", "elements": "str"},
        "rule_desc": {},
        "state": {"choices": ["present", "absent"], "default": "present"},
    }
    module = AnsibleAWSModule(
        argument_spec={
            "group_id": {},
            "group_name": {},
            "vpc_id": {},
            "rules": {"type": "list", "elements": "dict", "required": True, "options": rule_spec},
            "purge": {"choices": ["none", "owned", "all"], "default": "none"},
            "owner": {},
            "adopt": {"type": "bool", "default": False},
            "allow_world": {"type": "bool", "default": False},
            "allow_gap": {"type": "bool", "default": False},
        },
        mutually_exclusive=[("group_id", "group_name")],
        required_one_of=[("group_id", "group_name")],
        required_if=[("purge", "owned", ["owner"]), ("adopt", True, ["owner"])],
        supports_check_mode=True,
    )
    try:
        wanted = sgr.parse_rules(module.params["rules"], module.params["allow_world"])
        sgr.check_target(module.params)
    except sgr.RuleError as error:
        module.fail_json(msg=_one_line(error), api_calls=0)

    # botocore waits out throttling and lost connections for some seconds, AWSRetry outlasts it.
    with _ec2_loader.small_model():
        client = module.client(
            "ec2",
            retry_decorator=AWSRetry.jittered_backoff(retries=4, delay=2),
            config=Config(retries={"mode": "standard", "total_max_attempts": 5}),
        )
    if not gc.isenabled():
        gc.freeze()
    group = SecurityGroup(client, module.params)
    try:
        result = run(module, group, wanted)
    except sgr.RuleError as error:
        module.fail_json(msg=_one_line(error), api_calls=group.requests, **group.identity())
    except _failures() as error:
        module.fail_json(**group.failure(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
