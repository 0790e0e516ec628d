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
  dry_run:
    description:
      - In check mode, also ask AWS whether it would allow the changes, by dry runs of the calls. A missing right is an
        error then, and RV(error) has the action that was denied.
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

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.redisops.monitoring.plugins.module_utils._ec2 import security_group


def main():
    rule_spec = {
        "direction": {"choices": ["ingress", "egress"], "default": "ingress"},
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
            "dry_run": {"type": "bool", "default": False},
        },
        mutually_exclusive=[("group_id", "group_name")],
        required_one_of=[("group_id", "group_name")],
        required_if=[("purge", "owned", ["owner"]), ("adopt", True, ["owner"])],
        supports_check_mode=True,
    )
    security_group.run(module)


if __name__ == "__main__":
    main()
