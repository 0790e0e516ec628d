# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One EC2 security group in AWS: finding it, changing its rules, and telling what was done."""

from __future__ import annotations

import re
import time

try:
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
except ImportError:
    pass  # AnsibleAWSModule says so

from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.redisops.monitoring.plugins.module_utils._ec2 import options, text
from ansible_collections.redisops.monitoring.plugins.module_utils._ec2 import rules as ec2_rules
from ansible_collections.redisops.monitoring.plugins.module_utils._ec2.rules import RuleError

# Another run got there first: what it did is read again, and only what is still missing is done.
RACES = ("InvalidPermission.Duplicate", "InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound")
PAUSES = (0, 1, 2, 4, 8)  # seconds before each reading again: AWS may take a moment to show a change
MOST_FILTER_VALUES = 200
THROTTLED = ("RequestLimitExceeded", "Throttling", "ThrottlingException", "EC2ThrottledException")  # with status 503
GROUP_FULL = "RulesPerSecurityGroupLimitExceeded"
FIXES = {
    "InvalidGroup.NotFound": "the group or a source group does not exist, or is of another account or an unpeered VPC",
    "RequestLimitExceeded": "AWS kept throttling; run it again later",
    "EndpointConnectionError": "correct the region or endpoint_url, or open a way from here to the EC2 API",
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
        self.wanted = options.merge(list(self._with_ids(wanted, ids)))
        self.descriptions = ec2_rules.group_descriptions(self.group)
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
            raise RuleError(f"no security group {asked} {where}; nothing was created, correct it or the region")
        if len(groups) > 1:
            ids = ", ".join(sorted(f"{group['GroupId']} in {group['VpcId']}" for group in groups))
            raise RuleError(f"{len(groups)} security groups are named {asked}: {ids}; give vpc_id or group_id")
        self.group = groups[0]

    @staticmethod
    def _check_sources(wanted, unknown):
        for want in wanted:
            if want.present and want.key.source in unknown:
                raise RuleError(
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
                    raise RuleError(f"{missing}; correct the name, or give the id of a group of a peered VPC")
                self.warnings.append(f"{missing}, so there is no such rule to remove")

    def read_rules(self):
        self.rules = [self._rule(item) for item in self._items(self.id)]

    def _read_descriptions(self):
        """Of rules that came since the group was read, if the server leaves them out of the rules."""
        wanted = {key for key, want in self.wanted.items() if want.present and want.description}
        if any(rule.key in wanted and not rule.description for rule in self.rules):
            for group in self._groups({"group-id": [self.id]}):
                self.descriptions.update(ec2_rules.group_descriptions(group))
            self.rules = [
                rule._replace(description=rule.description or self.descriptions.get(rule.key, ""))
                for rule in self.rules
            ]

    def _rule(self, item):
        rule = ec2_rules.rule_from_aws(item, self.group["OwnerId"])
        if item.get("Description") is None:
            return rule._replace(description=self.descriptions.get(rule.key, ""))
        return rule

    def plan(self):
        return ec2_rules.make_plan(
            self.wanted, self.rules, self.params["purge"], self.params["owner"], self.params["adopt"]
        )

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
        still = text.lines(self.plan())
        self.done.update((item, line) for item, line in text.lines(plan, self.names).items() if item not in still)

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
        for direction in ec2_rules.DIRECTIONS:
            new = [want for want in plan.add if want.key.direction == direction]
            old = [rule for rule in plan.remove if rule.key.direction == direction]
            if new:
                removed += self._add(direction, new, old)
        described = [change._replace(owner=None) for change in plan.update if change.description is not None]
        if described:
            request = {"GroupId": self.id, "SecurityGroupRules": ec2_rules.description_updates(described)}
            self._call("modify_security_group_rules", **request)
            self._note_updates(described)
        adopted = [change for change in plan.update if change.owner]
        if adopted:
            tags = [{"Key": ec2_rules.OWNER_TAG, "Value": self.params["owner"]}]
            self._call("create_tags", Resources=[change.rule.id for change in adopted], Tags=tags)
            self._note_updates(adopted)
        for direction in ec2_rules.DIRECTIONS:
            old = [rule for rule in plan.remove if rule.key.direction == direction and rule not in removed]
            if old:
                self._revoke(direction, old)

    def _add(self, direction, new, old):
        """Authorise *new*; the rules of *old* that had to go first because the group was full."""
        owner = self.params["owner"]
        tags = {ec2_rules.OWNER_TAG: owner} if owner else {}
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
        request = {"GroupId": self.id, "IpPermissions": ec2_rules.permissions(new)}
        if tags:
            request["TagSpecifications"] = ec2_rules.tag_specifications(tags)
        answer = self._call(f"authorize_security_group_{direction}", **request)
        for rule in new:
            # A rule that is put back has not changed.
            if self.done.pop(("-", rule.key), None) is None:
                self.done["+", rule.key] = text.added_line(rule, self.names)
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
                self.not_put_back += [text.removed_line(rule, self.names)[2:] for rule in missing]
        self.operation = operation

    def _revoke(self, direction, old):
        ids = [rule.id for rule in old]
        self._call(f"revoke_security_group_{direction}", GroupId=self.id, SecurityGroupRuleIds=ids)
        self.rules = [rule for rule in self.rules if rule.id not in ids]
        self.done.update({("-", rule.key): text.removed_line(rule, self.names) for rule in old})

    def _note_updates(self, changes):
        by_id = {change.rule.id: ec2_rules.updated_rule(change) for change in changes}
        self.rules = [by_id.get(rule.id, rule) for rule in self.rules]
        self.done.update({("~", change.rule.key): text.updated_line(change, self.names) for change in changes})

    def ask_rights(self, plan):
        """Whether AWS would let this run make the changes: it judges the calls and carries none of them out."""
        for operation, request in self._writes(plan):
            try:
                self._call(operation, DryRun=True, **request)
            except ClientError as error:
                if _code(error) != "DryRunOperation":
                    raise

    def _writes(self, plan):
        owner = self.params["owner"]
        tags = {"TagSpecifications": ec2_rules.tag_specifications({ec2_rules.OWNER_TAG: owner})} if owner else {}
        for direction in ec2_rules.DIRECTIONS:
            new = [want for want in plan.add if want.key.direction == direction]
            old = [rule.id for rule in plan.remove if rule.key.direction == direction]
            if new:
                request = {"GroupId": self.id, "IpPermissions": ec2_rules.permissions(new), **tags}
                yield f"authorize_security_group_{direction}", request
            if old:
                yield f"revoke_security_group_{direction}", {"GroupId": self.id, "SecurityGroupRuleIds": old}
        if any(change.description is not None for change in plan.update):
            described = [change for change in plan.update if change.description is not None]
            request = {"GroupId": self.id, "SecurityGroupRules": ec2_rules.description_updates(described)}
            yield "modify_security_group_rules", request

    # --- reporting

    def identity(self):
        return {
            "group_id": self.group.get("GroupId"),
            "group_name": self.group.get("GroupName"),
            "vpc_id": self.group.get("VpcId"),
        }

    def result(self, plan, rules, done):
        """What exit_json tells: *plan* was made of the rules at first, *rules* are there at last."""
        shown = {rule.key: text.public(rule) for rule in rules}
        gone = [text.public(rule) for rule in plan.remove]
        unchanged = [dict(shown[rule.key]) for rule in plan.unchanged if rule.key in shown]
        if self.params["owner"]:
            for rule in unchanged:
                rule["adopted"] = rule["owner"] == self.params["owner"]
        return {
            "changed": bool(done),
            "diff": {"prepared": "".join(f"{line}\n" for line in text.in_order(done))},
            "rules": [shown[rule.key] for rule in sorted(rules, key=lambda rule: rule.key.order)],
            "added": [shown[want.key] for want in plan.add if want.key in shown],
            "updated": [shown[change.rule.key] for change in plan.update if change.rule.key in shown],
            "removed": gone,
            "unchanged": unchanged,
            "covered": [
                {"rule": text.text(key, self.names), "by": [rule.id for rule in wider]}
                for key in sorted(self.wanted, key=lambda key: key.order)
                for wider in [ec2_rules.covering(key, rules)]
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
        fix = FIXES.get(code)
        if code == "UnauthorizedOperation":
            # AWS mostly names it: with TagSpecifications it may be CreateTags that is denied.
            named = re.search(r"not authorized to perform: (ec2:\w+)", said)
            details["missing_permission"] = named[1] if named else f"ec2:{operation}"
            fix = f"the IAM policy lacks {details['missing_permission']}"
        elif code == GROUP_FULL:
            fix = self._full()
        # AWS appends kilobytes of encoded details; they stay in error.message.
        short = " ".join(re.sub(r"Encoded authorization failure message:.*", "", said, flags=re.DOTALL).split())
        done = text.in_order(self.done)
        name = f" ({self.group['GroupName']})" if self.group else ""
        asked = self.group.get("GroupId") or self.params["group_id"] or self.params["group_name"]
        parts = [
            f"{asked}{name}: {operation} failed: {code}: {short.rstrip('.;')}",
            fix,
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


def _converge(module, group, wanted):
    """The result of the module."""
    group.read(wanted)
    plan, before = group.plan(), list(group.rules)
    for direction, now, new in ec2_rules.over_quota(before, plan):
        module.warn(
            f"{group.id} has {now} {direction} rules, {new} more are to be added: AWS's default quota is "
            f"{ec2_rules.DEFAULT_QUOTA}; where it has not been raised, AWS will refuse"
        )
    for warning in group.warnings:
        module.warn(warning)
    if module.check_mode:
        if module.params["dry_run"]:
            group.ask_rights(plan)
        rules = ec2_rules.predict(plan, before, module.params["owner"])
        return group.result(plan, rules, text.lines(plan, group.names))
    group.converge()
    return group.result(plan, group.rules, group.done)


def run(module):
    """Judge the options, bring the group to what they ask for and end the module."""
    try:
        wanted = options.parse_rules(module.params["rules"], module.params["allow_world"])
        options.check_target(module.params)
    except RuleError as error:
        module.fail_json(msg=_one_line(error), api_calls=0)

    # botocore waits out throttling and lost connections for some seconds, AWSRetry outlasts it.
    client = module.client(
        "ec2",
        retry_decorator=AWSRetry.jittered_backoff(retries=4, delay=2),
        config=Config(retries={"mode": "standard", "total_max_attempts": 5}),
    )
    group = SecurityGroup(client, module.params)
    try:
        result = _converge(module, group, wanted)
    except RuleError as error:
        module.fail_json(msg=_one_line(error), api_calls=group.requests, **group.identity())
    except _failures() as error:
        module.fail_json(**group.failure(error))
    module.exit_json(**result)
