# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._ec2 import options, text
from ansible_collections.redisops.monitoring.plugins.module_utils._ec2 import rules as ec2_rules
from ansible_collections.redisops.monitoring.plugins.module_utils._ec2.rules import RuleError

GROUP = "sg-0123456789abcdef0"
PEER = "sg-0fedcba9876543210"
OWNER = "prometheus"


def asked(**rule):
    return {"direction": "ingress", "proto": "tcp", "state": "present", **rule}


def parse(*rules, allow_world=False):
    return options.parse_rules([asked(**rule) for rule in rules], allow_world)


def one(**rule):
    (wanted,) = parse(rule)
    return wanted


def key(proto="tcp", low=9121, high=None, kind="cidr_ip", source="10.0.0.0/16", direction="ingress"):
    return ec2_rules.Key(direction, proto, low, low if high is None else high, kind, source)


def there(number, description="", owner=None, account=None, **parts):
    tags = {ec2_rules.OWNER_TAG: owner} if owner else {}
    return ec2_rules.Rule(key(**parts), description, f"sgr-{number}", tags, account)


def plan(rules, existing, **how):
    return ec2_rules.make_plan(options.merge(parse(*rules)), existing, **how)


# --- what was asked for


def test_lists_of_ports_and_sources_are_unfolded():
    wanted = parse({"ports": [22, "9090-9093"], "cidr_ip": ["10.0.0.0/16"], "group_id": [PEER]})
    assert [want.key for want in wanted] == [
        key(low=22),
        key(low=22, kind="group_id", source=PEER),
        key(low=9090, high=9093),
        key(low=9090, high=9093, kind="group_id", source=PEER),
    ]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"from_port": 16379, "to_port": 16384}, ("tcp", 16379, 16384)),
        ({"ports": ["16379 - 16384"]}, ("tcp", 16379, 16384)),
        ({"proto": "UDP", "ports": ["53"]}, ("udp", 53, 53)),
        ({"proto": "6", "ports": ["0"]}, ("tcp", 0, 0)),
        ({"proto": "17", "ports": ["65535"]}, ("udp", 65535, 65535)),
        ({"proto": "icmp"}, ("icmp", -1, -1)),
        ({"proto": "icmp", "icmp_type": -1, "icmp_code": -1}, ("icmp", -1, -1)),
        ({"proto": "icmp", "icmp_type": 8}, ("icmp", 8, -1)),
        ({"proto": "1", "icmp_type": 3, "icmp_code": 1}, ("icmp", 3, 1)),
        ({"proto": "icmp", "from_port": 8, "to_port": -1}, ("icmp", 8, -1)),
        ({"proto": "icmpv6", "icmp_type": 128, "icmp_code": 0}, ("icmpv6", 128, 0)),
        ({"proto": "58"}, ("icmpv6", -1, -1)),
        ({"proto": "all"}, ("-1", -1, -1)),
        ({"proto": "-1", "from_port": -1, "to_port": -1}, ("-1", -1, -1)),
        ({"proto": "50"}, ("50", -1, -1)),
    ],
)
def test_protocols_and_ports(rule, expected):
    assert one(cidr_ip=["10.0.0.0/16"], **rule).key[1:4] == expected


@pytest.mark.parametrize(
    ("rule", "kind", "source"),
    [
        ({"cidr_ip": ["10.0.0.0/16"]}, "cidr_ip", "10.0.0.0/16"),
        ({"cidr_ip": ["198.51.100.7"]}, "cidr_ip", "198.51.100.7/32"),
        ({"cidr_ip": [" 10.1.0.0/16 "]}, "cidr_ip", "10.1.0.0/16"),
        ({"cidr_ipv6": ["2001:DB8:0::/48"]}, "cidr_ipv6", "2001:db8::/48"),
        ({"cidr_ipv6": ["2001:0db8:0000::7"]}, "cidr_ipv6", "2001:db8::7/128"),
        ({"ip_prefix": ["pl-0123456789abcdef0"]}, "ip_prefix", "pl-0123456789abcdef0"),
        ({"ip_prefix": ["pl-01234567"]}, "ip_prefix", "pl-01234567"),
        ({"group_id": [PEER]}, "group_id", PEER),
        ({"group_name": ["prometheus-sg"]}, "group_name", "prometheus-sg"),
    ],
)
def test_sources(rule, kind, source):
    want = one(ports=[9121], **rule)
    assert (want.key.kind, want.key.source, want.account) == (kind, source, None)


def test_blanks_around_a_description_do_not_count():
    """A folded block in YAML ends in a newline, which AWS would refuse."""
    assert one(ports=[22], cidr_ip=["10.0.0.0/16"], rule_desc=" from the VPC\n").description == "from the VPC"


def test_a_group_of_another_account():
    want = one(ports=[9121], group_id=[f"210987654321/{PEER}"])
    assert (want.key.source, want.account) == (PEER, "210987654321")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        # networks
        ({"cidr_ip": ["300.0.0.0/8"]}, "cidr_ip 300.0.0.0/8: Octet 300"),
        ({"cidr_ip": ["10.0.1.300/32"]}, "Octet 300"),
        ({"cidr_ip": ["10.0.256.0/24"]}, "Octet 256"),
        ({"cidr_ip": ["10.0.1.5/16"]}, "host bits set; did you mean 10.0.0.0/16 or 10.0.1.5/32?"),
        ({"cidr_ip": ["10.0.0.0/33"]}, "33"),
        ({"cidr_ip": ["10.0.0.0/255.255.0.0"]}, "write address/prefix length"),
        ({"cidr_ip": ["10.0.0.010/32"]}, "cidr_ip 10.0.0.010/32:"),
        ({"cidr_ip": ["prometheus-sg"]}, "cidr_ip prometheus-sg:"),
        ({"cidr_ip": [""]}, "cidr_ip :"),
        ({"cidr_ip": ["2001:db8::/48"]}, "use cidr_ipv6"),
        ({"cidr_ipv6": ["10.0.0.0/16"]}, "use cidr_ip"),
        ({"cidr_ipv6": ["2001:db8::5/64"]}, "did you mean 2001:db8::/64 or 2001:db8::5/128?"),
        ({"cidr_ipv6": ["fe80::1%eth0/128"]}, "cidr_ipv6 fe80::1%eth0/128:"),
        # other sources
        ({}, "no source; give one of cidr_ip, cidr_ipv6, ip_prefix, group_id, group_name"),
        ({"cidr_ip": []}, "no source"),
        ({"group_id": ["prometheus-sg"]}, "group_id 'prometheus-sg' is not like sg-"),
        ({"group_id": [PEER + "0"]}, "is not like sg-"),
        ({"group_name": [" "]}, "group_name is empty"),
        ({"group_id": ["1/" + PEER]}, "is not like sg-"),
        ({"group_name": [PEER]}, "is an id; use group_id"),
        ({"ip_prefix": ["10.0.0.0/8"]}, "is not a prefix list id"),
        # descriptions
        ({"cidr_ip": ["10.0.0.0/16"], "rule_desc": "x" * 256}, "rule_desc has 256 characters; AWS takes 255"),
        ({"cidr_ip": ["10.0.0.0/16"], "rule_desc": "Prometheus' caf\u00e9"}, "AWS refuses \"'\" '\\xe9' in rule_desc"),
        ({"cidr_ip": ["10.0.0.0/16"], "rule_desc": "two\nlines"}, "AWS refuses '\\n' in rule_desc"),
    ],
)
def test_bad_sources_and_descriptions(rule, words):
    with pytest.raises(RuleError) as caught:
        parse({"ports": [443], "cidr_ip": ["10.0.0.0/16"]}, {"ports": [443], **rule})
    assert str(caught.value).startswith("rules[1]: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({}, "proto tcp needs ports, or from_port with to_port"),
        ({"ports": []}, "proto tcp needs ports"),
        ({"ports": [70000]}, "port 70000 is not between 0 and 65535"),
        ({"ports": [-1]}, "'-1' is not a port"),
        ({"ports": ["9093-9090"]}, "ports 9093-9090 run backwards"),
        ({"ports": ["http"]}, "'http' is not a port; write 9090 or 9090-9093"),
        ({"ports": ["22,80"]}, "'22,80' is not a port"),
        ({"from_port": 9093, "to_port": 9090}, "run backwards"),
        ({"from_port": 9090, "to_port": 70000}, "port 70000"),
        ({"from_port": -1, "to_port": -1}, "port -1"),
        ({"from_port": 9090}, "from_port and to_port go together"),
        ({"to_port": 9090}, "from_port and to_port go together"),
        ({"ports": [1], "from_port": 1, "to_port": 1}, "use only one of"),
        ({"proto": "udp"}, "proto udp needs ports"),
        ({"icmp_type": 8}, "icmp_type and icmp_code need proto icmp"),
        ({"ports": [1], "icmp_type": 8}, "use only one of"),
        ({"proto": "icmp", "ports": [8]}, "icmp has no ports"),
        ({"proto": "icmp", "icmp_code": 0}, "icmp_code needs icmp_type"),
        ({"proto": "icmp", "icmp_type": 256}, "icmp_type 256 is not between"),
        ({"proto": "icmp", "icmp_type": 8, "icmp_code": -2}, "icmp_code -2 is not between"),
        ({"proto": "icmp", "icmp_type": -1, "icmp_code": 0}, "icmp_code must be -1 too"),
        ({"proto": "all", "ports": [22]}, "leave them out"),
        ({"proto": "50", "from_port": 1, "to_port": 2}, "leave them out"),
        ({"proto": "256"}, "unknown proto '256'"),
        ({"proto": "-2"}, "unknown proto '-2'"),
        ({"proto": "http"}, "unknown proto 'http'"),
        ({"proto": ""}, "unknown proto ''"),
    ],
)
def test_bad_protocols_and_ports(rule, words):
    rule = {name: [str(port) for port in value] if name == "ports" else value for name, value in rule.items()}
    with pytest.raises(RuleError, match=r"^rules\[0\]: [^\n]*$") as caught:
        parse({"cidr_ip": ["10.0.0.0/16"], **rule})
    assert words in str(caught.value)


@pytest.mark.parametrize("port", sorted(options.GUARDED_PORTS))
@pytest.mark.parametrize("source", [{"cidr_ip": ["0.0.0.0/0"]}, {"cidr_ipv6": ["::/0"]}])
def test_the_world_is_kept_out_of_each_guarded_port(port, source):
    with pytest.raises(RuleError, match=rf"would open port {port} .* allow_world: true"):
        one(ports=[port], **source)


@pytest.mark.parametrize(
    "rule",
    [
        {"proto": "all", "cidr_ip": ["0.0.0.0/0"]},
        {"proto": "udp", "ports": ["0-65535"], "cidr_ip": ["0.0.0.0/0"]},
        {"ports": ["9091-9093"], "cidr_ip": ["0.0.0.0/0"]},
        {"from_port": 1, "to_port": 22, "cidr_ipv6": ["::/0"]},
        {"ports": ["443", "9090"], "cidr_ip": ["0.0.0.0/0"]},
        {"ports": ["9090"], "cidr_ip": ["0.0.0.0/1", "128.0.0.0/1"]},
        {"ports": ["9090"], "cidr_ipv6": ["2000::/3"]},
    ],
)
def test_the_world_is_kept_out_in_whatever_disguise(rule):
    with pytest.raises(RuleError, match="to the world"):
        parse(rule)
    assert parse(rule, allow_world=True)


@pytest.mark.parametrize(
    "rule",
    [
        {"ports": [443], "cidr_ip": ["0.0.0.0/0"]},
        {"ports": ["9101-9114"], "cidr_ip": ["0.0.0.0/0"]},
        {"proto": "icmp", "cidr_ip": ["0.0.0.0/0"]},
        {"ports": [9121], "cidr_ip": ["10.0.0.0/8"]},
        {"ports": [9121], "cidr_ipv6": ["fc00::/7"]},
        {"proto": "all", "cidr_ip": ["0.0.0.0/0"], "direction": "egress"},
        {"ports": [22], "cidr_ip": ["0.0.0.0/0"], "state": "absent"},
    ],
)
def test_what_is_not_guarded(rule):
    assert parse(rule)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"group_id": "prometheus-sg"}, "group_id 'prometheus-sg' is not like"),
        ({"group_id": ""}, "group_id '' is not like"),
        ({"group_id": f"123456789012/{GROUP}"}, "is not like"),
        ({"group_name": GROUP}, "is an id; use group_id"),
        ({"group_name": " "}, "is empty"),
        ({"group_id": GROUP, "owner": ""}, "owner '' is no tag value"),
        ({"group_id": GROUP, "owner": "a" * 257}, "is no tag value"),
        ({"group_id": GROUP, "owner": "a*"}, "is no tag value"),
    ],
)
def test_bad_target(target, words):
    with pytest.raises(RuleError) as caught:
        options.check_target({"group_id": None, "group_name": None, "owner": None, **target})
    assert words in str(caught.value)


def test_good_target():
    for target in ({"group_id": GROUP}, {"group_id": "sg-01234567"}, {"group_name": "a*b", "owner": "team/x:1"}):
        options.check_target({"group_id": None, "group_name": None, "owner": None, **target})


# --- repeated rules


def test_repeated_rules_are_one():
    merged = options.merge(
        parse(
            {"ports": [9121, "9121-9121"], "cidr_ip": ["10.0.0.0/16"]},
            {"proto": "6", "ports": [9121], "cidr_ip": ["10.0.0.0/16"], "rule_desc": "exporter"},
            {"ports": [9121], "cidr_ip": ["10.0.0.0/16"]},
        )
    )
    assert list(merged) == [key()]
    assert merged[key()].description == "exporter"


def test_one_rule_with_two_descriptions_is_refused():
    rule = {"ports": [9121], "cidr_ip": ["10.0.0.0/16"]}
    with pytest.raises(RuleError) as caught:
        options.merge(parse({**rule, "rule_desc": "a"}, {**rule, "rule_desc": "b"}))
    assert str(caught.value) == (
        'rules[0] and rules[1] describe ingress tcp/9121 from 10.0.0.0/16 differently: "a" and "b"; '
        "AWS keeps one description a rule"
    )


def test_present_and_absent_is_refused():
    rule = {"ports": [9121], "cidr_ip": ["10.0.0.0/16"]}
    with pytest.raises(RuleError, match=r"rules\[0\] and rules\[1\] ask for .* both present and absent"):
        options.merge(parse(rule, {**rule, "state": "absent"}))


# --- what is there


def test_rules_from_aws():
    def read(**item):
        item = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IsEgress": False, **item}
        return ec2_rules.rule_from_aws({"SecurityGroupRuleId": "sgr-1", **item}, "123456789012")

    assert read(CidrIpv4="10.0.0.0/16", Description="x") == there(1, "x", low=22)
    assert read(CidrIpv6="2001:DB8:0::/48").key == key(low=22, kind="cidr_ipv6", source="2001:db8::/48")
    assert read(PrefixListId="pl-1").key == key(low=22, kind="ip_prefix", source="pl-1")
    mine = read(ReferencedGroupInfo={"GroupId": PEER, "UserId": "123456789012"})
    assert (mine.key, mine.account) == (key(low=22, kind="group_id", source=PEER), None)
    assert read(ReferencedGroupInfo={"GroupId": PEER, "UserId": "210987654321"}).account == "210987654321"
    everything = read(IpProtocol="-1", IsEgress=True, CidrIpv4="0.0.0.0/0", FromPort=-1, ToPort=-1)
    assert everything.key == key("-1", -1, source="0.0.0.0/0", direction="egress")
    # AWS tells ports of protocols that have none in several ways.
    assert read(IpProtocol="50", CidrIpv4="10.0.0.0/16", FromPort=0, ToPort=0).key == key("50", -1)
    tagged = read(
        CidrIpv4="10.0.0.0/16", Tags=[{"Key": ec2_rules.OWNER_TAG, "Value": OWNER}, {"Key": "a", "Value": "b"}]
    )
    assert (tagged.owner, tagged.tags["a"]) == (OWNER, "b")


def test_descriptions_of_the_group_view():
    group = {
        "IpPermissions": [
            {
                "IpProtocol": "tcp",
                "FromPort": 9121,
                "ToPort": 9121,
                "IpRanges": [{"CidrIp": "10.0.0.0/16", "Description": "vpc"}, {"CidrIp": "10.1.0.0/16"}],
                "UserIdGroupPairs": [{"GroupId": PEER, "UserId": "1", "Description": "peer"}],
            }
        ],
        "IpPermissionsEgress": [{"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0", "Description": "out"}]}],
    }
    assert ec2_rules.group_descriptions(group) == {
        key(): "vpc",
        key(kind="group_id", source=PEER): "peer",
        key("-1", -1, kind="cidr_ipv6", source="::/0", direction="egress"): "out",
    }


# --- the difference


def test_plan_touches_nothing_that_is_not_listed():
    existing = [there(1), there(2, low=6379), there(3, "all", proto="-1", low=-1, direction="egress")]
    made = plan([{"ports": [9121, 22], "cidr_ip": ["10.0.0.0/16"]}], existing)
    assert [want.key for want in made.add] == [key(low=22)]
    assert (made.update, made.remove, made.unchanged) == ([], [], [existing[0]])


def test_plan_descriptions():
    existing = [there(1, "old"), there(2, "keep", low=22), there(3, "gone", low=80), there(4, "", low=81)]
    rule = {"cidr_ip": ["10.0.0.0/16"]}
    made = plan(
        [
            {**rule, "ports": [9121], "rule_desc": "new"},
            {**rule, "ports": [22]},
            {**rule, "ports": [80], "rule_desc": ""},
            {**rule, "ports": [81], "rule_desc": ""},
        ],
        existing,
    )
    assert made.update == [ec2_rules.Update(existing[2], ""), ec2_rules.Update(existing[0], "new")]
    assert made.unchanged == [existing[1], existing[3]]
    assert (made.add, made.remove) == ([], [])


def test_plan_absent_is_exact():
    existing = [there(1), there(2, source="10.0.0.0/24"), there(3, low=9120, high=9122), there(4, direction="egress")]
    made = plan([{"ports": [9121, 1], "cidr_ip": ["10.0.0.0/16"], "state": "absent"}], existing)
    assert (made.remove, made.add, made.unchanged) == ([existing[0]], [], [])


def test_plan_purge_owned():
    existing = [
        there(1, owner=OWNER),
        there(2, owner=OWNER, low=22),
        there(3, owner="other", low=23),
        there(4, low=24),
        there(5, owner=OWNER, proto="-1", low=-1, direction="egress"),
    ]
    made = plan([{"ports": [9121], "cidr_ip": ["10.0.0.0/16"]}], existing, purge="owned", owner=OWNER)
    assert made.remove == [existing[1], existing[4]]
    assert made.unchanged == [existing[0]]
    assert plan([], existing, purge="owned", owner=OWNER).remove == [existing[1], existing[0], existing[4]]


def test_plan_purge_all_keeps_to_the_directions_asked_for():
    existing = [there(1), there(2, low=22), there(3, proto="-1", low=-1, direction="egress")]
    rule = {"ports": [9121], "cidr_ip": ["10.0.0.0/16"]}
    assert plan([rule], existing, purge="all").remove == [existing[1]]
    assert plan([{**rule, "direction": "egress"}], existing, purge="all").remove == [existing[2]]
    assert plan([], existing, purge="all").remove == []
    assert plan([{**rule, "state": "absent"}], existing, purge="all").remove == [existing[0]]


def test_plan_adopt():
    existing = [there(1), there(2, owner="other", low=22), there(3, owner=OWNER, low=23), there(4, low=24)]
    rules = [{"ports": [9121, 22, 23], "cidr_ip": ["10.0.0.0/16"]}]
    assert plan(rules, existing, owner=OWNER).update == []
    made = plan(rules, existing, owner=OWNER, adopt=True)
    assert made.update == [ec2_rules.Update(existing[0], None, OWNER)]
    assert made.unchanged == [existing[1], existing[2]]


def test_predicted_rules_are_those_of_a_second_plan_without_work():
    existing = [there(1, "old"), there(2, owner=OWNER, low=22), there(3, low=80)]
    rules = [{"ports": [9121, 443], "cidr_ip": ["10.0.0.0/16"], "rule_desc": "new"}]
    how = {"purge": "owned", "owner": OWNER, "adopt": True}
    after = ec2_rules.predict(plan(rules, existing, **how), existing, OWNER)
    assert {rule.key: (rule.description, rule.owner) for rule in after} == {
        key(): ("new", OWNER),
        key(low=80): ("", None),
        key(low=443): ("new", OWNER),
    }
    again = plan(rules, after, **how)
    assert not again.add + again.update + again.remove


@pytest.mark.parametrize(
    ("wide", "covers"),
    [
        (key(source="10.0.0.0/8"), True),
        (key(low=9100, high=9200), True),
        (key(proto="-1", low=-1, source="0.0.0.0/0"), True),
        (key(), False),
        (key(source="10.0.0.0/24"), False),
        (key(low=9122, high=9200, source="0.0.0.0/0"), False),
        (key(proto="udp", source="0.0.0.0/0"), False),
        (key(direction="egress", source="0.0.0.0/0"), False),
        (key(kind="group_id", source=PEER), False),
        (key(source="nonsense"), False),
    ],
)
def test_covering(wide, covers):
    rule = ec2_rules.Rule(wide, "", "sgr-1")
    assert ec2_rules.covering(key(), [rule]) == ([rule] if covers else [])


def test_covering_groups_and_icmp():
    wide = ec2_rules.Rule(key("-1", -1, kind="group_id", source=PEER), "", "sgr-1")
    assert ec2_rules.covering(key(kind="group_id", source=PEER), [wide]) == [wide]
    ping = ec2_rules.Rule(key("icmp", -1), "", "sgr-2")
    assert ec2_rules.covering(key("icmp", 8, -1), [ping, wide]) == [ping]


def test_quota():
    existing = [there(number, low=number) for number in range(59)]
    rules = [{"ports": [1001, 1002], "cidr_ip": ["10.0.0.0/16"]}]
    assert ec2_rules.over_quota(existing, plan(rules, existing)) == [("ingress", 59, 2)]
    assert ec2_rules.over_quota(existing[:58], plan(rules, existing)) == []
    v6 = [{"ports": [1001, 1002], "cidr_ipv6": ["2001:db8::/48"]}]
    assert ec2_rules.over_quota(existing, plan(v6, existing)) == [], "IPv6 has a quota of its own"
    groups = [{"ports": [1001, 1002], "group_id": [PEER]}]
    assert ec2_rules.over_quota(existing, plan(groups, existing)) == [("ingress", 59, 2)], "groups count for both"
    full = [there(number, low=number) for number in range(99)]
    assert ec2_rules.over_quota(full, plan([], full)) == [], "no new rules, no warning"


# --- words


def test_lines():
    names = {PEER: "prometheus-sg"}
    existing = [
        there(1, "old", low=9121, kind="group_id", source=PEER),
        there(2, "bye", low=22),
        there(3, "theirs", low=80),
    ]
    made = plan(
        [
            {"ports": [9121], "group_id": [PEER], "rule_desc": "exporter"},
            {"ports": ["9090-9093", 80], "cidr_ip": ["10.0.0.0/16"]},
            {"proto": "all", "direction": "egress", "cidr_ipv6": ["::/0"], "rule_desc": "out"},
            {"proto": "icmp", "icmp_type": 3, "icmp_code": 1, "cidr_ip": ["10.0.0.0/16"]},
            {"proto": "icmp", "icmp_type": 8, "cidr_ip": ["10.0.0.0/16"]},
            {"proto": "50", "cidr_ip": ["10.0.0.0/16"]},
            {"ports": [22], "cidr_ip": ["10.0.0.0/16"], "state": "absent"},
        ],
        existing,
        owner=OWNER,
        adopt=True,
    )
    assert text.in_order(text.lines(made, names)) == [
        "+ ingress protocol-50 from 10.0.0.0/16",
        "+ ingress icmp/3:1 from 10.0.0.0/16",
        "+ ingress icmp/8 from 10.0.0.0/16",
        '- ingress tcp/22 from 10.0.0.0/16 "bye"',
        '~ ingress tcp/80 from 10.0.0.0/16 "theirs" owner -> prometheus',
        "+ ingress tcp/9090-9093 from 10.0.0.0/16",
        f'~ ingress tcp/9121 from {PEER} (prometheus-sg) "old" -> "exporter" owner -> prometheus',
        '+ egress all to ::/0 "out"',
    ]


def test_public_rule_speaks_the_options_language():
    rule = there(1, "x", OWNER, "210987654321", proto="-1", low=-1, kind="group_id", source=PEER)
    assert text.public(rule) == {
        "rule_id": "sgr-1",
        "direction": "ingress",
        "proto": "all",
        "from_port": -1,
        "to_port": -1,
        "group_id": f"210987654321/{PEER}",
        "rule_desc": "x",
        "owner": OWNER,
        "tags": {ec2_rules.OWNER_TAG: OWNER},
    }


# --- requests


def test_permissions_group_what_one_call_may_hold():
    wanted = parse(
        {"ports": [22, 9090], "cidr_ip": ["10.0.0.0/16", "10.1.0.0/16"], "rule_desc": "x"},
        {"ports": [22], "cidr_ipv6": ["2001:db8::/48"]},
        {"ports": [22], "group_id": [f"210987654321/{PEER}"], "rule_desc": ""},
        {"proto": "all", "ip_prefix": ["pl-01234567"]},
        {"proto": "50", "ip_prefix": ["pl-01234567"]},
    )
    two = [{"CidrIp": "10.0.0.0/16", "Description": "x"}, {"CidrIp": "10.1.0.0/16", "Description": "x"}]
    assert ec2_rules.permissions(wanted) == [
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": two},
        {"IpProtocol": "tcp", "FromPort": 9090, "ToPort": 9090, "IpRanges": two},
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/48"}]},
        {
            "IpProtocol": "tcp",
            "FromPort": 22,
            "ToPort": 22,
            "UserIdGroupPairs": [{"GroupId": PEER, "UserId": "210987654321"}],
        },
        {"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": "pl-01234567"}]},
        {"IpProtocol": "50", "FromPort": -1, "ToPort": -1, "PrefixListIds": [{"PrefixListId": "pl-01234567"}]},
    ]


def test_description_updates_name_the_whole_rule():
    change = ec2_rules.Update(there(1, "old", kind="group_id", source=PEER), "new")
    assert ec2_rules.description_updates([change]) == [
        {
            "SecurityGroupRuleId": "sgr-1",
            "SecurityGroupRule": {
                "IpProtocol": "tcp",
                "FromPort": 9121,
                "ToPort": 9121,
                "ReferencedGroupId": PEER,
                "Description": "new",
            },
        }
    ]
