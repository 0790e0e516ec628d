# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory host variables to Prometheus file_sd groups. Every complaint is a ValueError of one line."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping

ADDRESSES = {
    "private": "private_ip_address",
    "public": "public_ip_address",
    "private_dns": "private_dns_name",
    "public_dns": "public_dns_name",
    "ipv6": "ipv6_address",
    "ansible_host": "ansible_host",
}
STATES = ("pending", "running", "shutting-down", "terminated", "stopping", "stopped")
TAG_LABELS = {"cluster": "Cluster", "environment": "Environment", "role": "Role"}
# By these, rules and inhibitions tell nodes apart.
IDENTITY = {"cluster": "Cluster", "environment": "Environment", "node": "Name"}

LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
NOT_IN_LABEL_NAME = re.compile(r"[^a-zA-Z0-9_]")
OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4 = re.compile(rf"{OCTET}(?:\.{OCTET}){{3}}")
# The last part is no number: 10.0.0.300 is a slip, not a name.
HOST_NAME = re.compile(r"(?:[a-zA-Z0-9_][a-zA-Z0-9_-]*\.)*(?![0-9]+\.?$)[a-zA-Z0-9_][a-zA-Z0-9_-]*\.?")
DIGITS = re.compile(r"[0-9]+")
MOST_NAMED = 5  # hosts that an error names before it only counts


def scrape_targets(
    hosts,
    hostvars,
    port=9121,
    labels=None,
    tag_labels=None,
    address="private",
    states=("running",),
    min_targets=1,
    hostvars_prefix="",
    hostvars_suffix="",
    meta_labels=False,
    ports=None,
):
    """The groups, why hosts were left out on purpose, and why others could not be taken."""
    hosts = _host_names(hosts)
    port = _integer("port", port, 1, 65535)
    port_of = _ports(ports, hosts, port)
    labels = _static_labels(labels)
    tag_labels = _tag_labels(tag_labels)
    states = _states(states)
    min_targets = _integer("min_targets", min_targets, 0)
    meta_labels = _boolean("meta_labels", meta_labels)
    if address not in ADDRESSES:
        raise ValueError(f"address is {address!r}: choose one of {', '.join(ADDRESSES)}")
    if not hosts and min_targets:
        raise ValueError(
            "no hosts to scrape: the inventory or the group is empty. An inventory plugin that failed leaves an empty "
            "group and exit code 0: look for its warning, and set ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=1 to make "
            "it fail at once"
        )

    reader = _Reader(hostvars, hostvars_prefix, hostvars_suffix)
    labels_of_target, not_wanted, no_address = {}, [], []
    host_of_target, host_of_instance, id_of = {}, {}, {}
    name_labels = [label for label, tag in tag_labels.items() if _is_name(label, tag) and label not in labels]
    for name in sorted(hosts):
        host = reader.read(name)
        if host.is_ec2 and host.state and host.state not in states:
            not_wanted.append(f"{name} is {host.state}")
            continue
        where = host.address(address)
        if not where:
            no_address.append(f"{name} has no {ADDRESSES[address]}")
            continue

        target = f"{_url_host(name, where)}:{port_of[name]}"
        id_of[name] = host.instance_id
        other = host_of_target.setdefault(target.lower(), name)
        if other != name and host.is_ec2 and id_of[other] == host.instance_id:
            not_wanted.append(f"{name} is the instance {host.instance_id}, as is {other}")
            continue
        if other != name:
            raise ValueError(
                f"the hosts {other} and {name} both have the address {target}: one would be scraped twice, the other "
                "never. Correct the inventory, or choose another kind of address"
            )
        found = host.labels(tag_labels)
        if meta_labels:
            found.update(host.meta_labels())
        found.update(labels)
        found = {label: found[label] for label in sorted(found) if found[label]}
        other = host_of_instance.setdefault(found.get("instance", target), name)
        if other != name:
            raise ValueError(
                f"the hosts {other} and {name} would both have the label instance={found.get('instance', target)!r}: "
                "take it from a tag that is unique, or leave it to Prometheus"
            )
        labels_of_target[target] = found

    for label in name_labels:
        _make_unique(label, labels_of_target, host_of_target)
    if len(labels_of_target) < min_targets:
        left_out = _some(no_address + not_wanted)
        raise ValueError(
            f"{len(labels_of_target)} of {len(hosts)} hosts can be scraped, fewer than min_targets={min_targets}"
            f"{f' ({left_out})' if left_out else ''}: start or add instances, or change states (now "
            f"{', '.join(states)}), address (now {address}) or min_targets"
        )
    return _grouped(labels_of_target), not_wanted, no_address


def labels_of(hosts, hostvars, labels=None, tag_labels=None):
    """The labels of each host, whether it can be scraped or not."""
    reader, labels, tag_labels = _Reader(hostvars, "", ""), _static_labels(labels), _tag_labels(tag_labels)
    return {name: {**reader.read(name).labels(tag_labels), **labels} for name in _host_names(hosts)}


def tags_of(hosts, hostvars):
    """The tags of those hosts that are instances, by instance id."""
    reader = _Reader(hostvars, "", "")
    found = [reader.read(name) for name in _host_names(hosts)]
    return {host.instance_id: host.tags for host in found if host.is_ec2}


def _make_unique(label, labels_of_target, host_of_target):
    """Hosts of one cluster that share a name get the name of the inventory instead, which is unique.

    Rules and inhibitions tell nodes apart by this label: with a shared one, the alert of one node mutes another node's.
    """
    changed = True
    while changed:  # the name of the inventory may be the tag of yet another host
        changed, sharing = False, {}
        for target, labels in labels_of_target.items():
            key = labels.get("cluster"), labels.get("environment"), labels.get(label)
            sharing.setdefault(key, []).append(target)
        for targets in sharing.values():
            for target in targets if len(targets) > 1 else ():
                name = host_of_target[target.lower()]
                changed = changed or labels_of_target[target][label] != name
                labels_of_target[target][label] = name


def _is_name(label, tag):
    """Whether the label says which node it is."""
    return tag == "Name" or label == "node"


class _Reader:
    """Reads hosts, and finds the prefix and suffix that the EC2 inventory plugin gave to its variables."""

    def __init__(self, hostvars, prefix, suffix):
        if not isinstance(hostvars, Mapping):
            raise ValueError(f"hostvars is of type {_type(hostvars)}: pass Ansible's own variable `hostvars`")
        for option, value in (("hostvars_prefix", prefix), ("hostvars_suffix", suffix)):
            if not isinstance(value, str):
                raise ValueError(f"{option} is of type {_type(value)}: give a string")
        self.hostvars = hostvars
        self.given = prefix or suffix
        self.affixes = (prefix, suffix)

    def read(self, name):
        if name not in self.hostvars:
            raise ValueError(f"the host {name} is not in hostvars: pass names of the inventory, as groups['redis'] has")
        variables = self.hostvars[name]  # only once: with Ansible's own hostvars this is what costs
        return _Host(name, variables, *self._affixes(variables))

    def _affixes(self, variables):
        if not self.given and "instance_id" in variables:
            return "", ""
        prefix, suffix = self.affixes
        if f"{prefix}instance_id{suffix}" in variables:
            return prefix, suffix
        for key in () if self.given else sorted(key for key in variables if "instance_id" in key):
            prefix, _name, suffix = key.partition("instance_id")
            # Without the plugin's other variables it is somebody's own `my_instance_id`.
            if f"{prefix}private_ip_address{suffix}" in variables or f"{prefix}state{suffix}" in variables:
                self.affixes = (prefix, suffix)
                return self.affixes
        return "", ""


class _Host:
    def __init__(self, name, variables, prefix, suffix):
        self.name, self.variables, self.prefix, self.suffix = name, variables, prefix, suffix
        self.instance_id = self.ec2("instance_id")
        self.is_ec2 = bool(self.instance_id)
        self.state = self.ec2("state")
        if isinstance(self.state, Mapping):
            self.state = self.state.get("name")

    def ec2(self, key):
        return self.variables.get(f"{self.prefix}{key}{self.suffix}")

    def ec2_dict(self, key):
        value = self.ec2(key)
        if isinstance(value, Mapping):
            return value
        if value and self.is_ec2:
            raise ValueError(f"the host {self.name} has {key} of type {_type(value)}: EC2 gives a dictionary")
        return {}

    @property
    def tags(self):
        """amazon.aws has ec2_tags since 11.2, because `tags` is a word of Ansible's own."""
        return self.ec2_dict("ec2_tags") or self.ec2_dict("tags")

    def address(self, kind):
        if kind == "private":
            found = self.ec2("private_ip_address") or self.ipv6()[0]  # as ec2_sd_configs does since Prometheus 3.14
        elif kind == "ipv6":
            found = self.ipv6()[0] or self.ec2("ipv6_address")
        elif kind == "ansible_host":
            found = self.variables.get("ansible_host")
        else:
            found = self.ec2(ADDRESSES[kind])
        if found or self.is_ec2:
            return found
        return self.variables.get("ansible_host") or self.name

    def labels(self, tag_labels):
        found = {}
        if self.is_ec2:
            found["instance_id"] = self.instance_id
            found["availability_zone"] = self.ec2_dict("placement").get("availability_zone")
            found["instance_type"] = self.ec2("instance_type")
        tags = self.tags
        for label, tag in tag_labels.items():
            value = tags.get(tag)
            if value is None and not self.is_ec2:
                value = self.variable(label)
            if value is None or not _is_text(value):
                if _is_name(label, tag):
                    value = self.name
                elif label in IDENTITY:
                    value = self.variables.get(f"monitoring_{label}", value)
            if value is not None:
                found[label] = value
        return self.texts(found)

    def variable(self, label):
        """A host without tags says the same by plain variables. `environment`, again, is a word of Ansible's own."""
        for key in (label, f"monitoring_{label}"):
            value = self.variables.get(key)
            if isinstance(value, (str, int, float)):
                return value
        return None

    def meta_labels(self):
        """What ec2_sd_configs gives, by discovery/aws/ec2.go of Prometheus 3.14."""
        if not self.is_ec2:
            return {}
        placement = self.ec2_dict("placement")
        default_ipv6, primary_ipv6, ipv6 = self.ipv6()
        public_ip = self.ec2("public_ip_address")
        found = {
            "ami": self.ec2("image_id"),
            "architecture": self.ec2("architecture"),
            "availability_zone": placement.get("availability_zone"),
            "availability_zone_id": placement.get("availability_zone_id"),
            "default_ipv6_address": default_ipv6,
            "instance_id": self.instance_id,
            "instance_lifecycle": self.ec2("instance_lifecycle"),
            "instance_state": self.state,
            "instance_type": self.ec2("instance_type"),
            "ipv6_addresses": _listed(ipv6),
            "owner_id": self.ec2("owner_id"),
            "platform": self.ec2("platform"),
            "primary_ipv6_addresses": _listed(primary_ipv6),
            "primary_subnet_id": self.ec2("subnet_id"),
            "private_dns_name": self.ec2("private_dns_name"),
            "private_ip": self.ec2("private_ip_address"),
            "public_dns_name": self.ec2("public_dns_name") if public_ip else None,
            "public_ip": public_ip,
            "region": placement.get("region"),
            "subnet_id": _listed(dict.fromkeys(eni["subnet_id"] for eni in self.interfaces())),
            "vpc_id": self.ec2("vpc_id"),
        }
        tags = self.tags
        for key in sorted(tags, reverse=True):  # of two keys that become one name the first stays
            found["tag_" + NOT_IN_LABEL_NAME.sub("_", key)] = tags[key]
        return self.texts({f"__meta_ec2_{key}": value for key, value in found.items()})

    def interfaces(self):
        return [
            eni for eni in self.ec2("network_interfaces") or () if isinstance(eni, Mapping) and eni.get("subnet_id")
        ]

    def ipv6(self):
        """The default address, the primary ones at their interface's index, and all."""
        primary, every = [], []
        for eni in self.interfaces():
            for entry in eni.get("ipv6_addresses") or ():
                every.append(entry["ipv6_address"])
                if entry.get("is_primary_ipv6"):
                    index = (eni.get("attachment") or {}).get("device_index", 0)
                    primary += [""] * (index + 1 - len(primary))
                    primary[index] = entry["ipv6_address"]
        return next(filter(None, primary + every), None), primary, every

    def texts(self, labels):
        try:
            return {label: _text(value) for label, value in labels.items()}
        except TypeError:
            label = next(label for label, value in labels.items() if not isinstance(value, (str, int, float)))
            raise ValueError(
                f"the host {self.name} has a value of type {_type(labels[label])} for the label {label}: give a string"
            ) from None


def _text(value):
    if isinstance(value, str):
        return str.__str__(value)  # plain, without what Ansible attaches to its strings
    if value is None:
        return ""  # to Prometheus the same as no label
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str.__str__(str(value))
    raise TypeError


def _is_text(value):
    return not isinstance(value, str) or bool(value.strip())


def _listed(values):
    """With separators at both ends, so that a relabelling regex can match one whole value."""
    return f",{','.join(values)}," if values else None


def _url_host(name, where):
    text = str.__str__(where) if isinstance(where, str) else ""
    if IPV4.fullmatch(text) or HOST_NAME.fullmatch(text):
        return text
    try:
        return f"[{ipaddress.IPv6Address(text.strip('[]'))}]"
    except ValueError:
        raise ValueError(
            f"the host {name} has the address {where!r}, which is no IP address and no host name: set ansible_host"
        ) from None


def _natural(text):
    """For 10.0.0.9 before 10.0.0.10. A string, as the garbage collector would walk 100,000 lists again and again."""
    return DIGITS.sub(lambda digits: digits[0].zfill(20), text) + " " + text


def _grouped(labels_of_target):
    groups = {}
    for target in sorted(labels_of_target, key=_natural):
        labels = labels_of_target[target]
        group = groups.setdefault((*labels, *labels.values()), {"targets": [], "labels": labels})
        group["targets"].append(target)
    return list(groups.values())


def _some(reasons):
    more = len(reasons) - MOST_NAMED
    return "; ".join(reasons[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _host_names(hosts):
    if isinstance(hosts, (str, Mapping)) or not isinstance(hosts, Iterable):
        raise ValueError(f"the hosts are of type {_type(hosts)}: pass a list of host names, such as groups['redis']")
    hosts = list(hosts)
    for name in hosts:
        if not isinstance(name, str):
            raise ValueError(f"the host {name!r} is of type {_type(name)}: pass names, such as groups['redis']")
    return list(dict.fromkeys(str.__str__(name) for name in hosts))


def _integer(option, value, low, high=None):
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    if isinstance(number, bool) or not isinstance(number, int) or number < low or (high and number > high):
        raise ValueError(f"{option} is {value!r}: give an integer of {low} {f'to {high}' if high else 'or more'}")
    return int(number)


def _ports(ports, hosts, port):
    if ports is not None and not isinstance(ports, Mapping):
        raise ValueError(f"ports is of type {_type(ports)}: give a dictionary of host and port")
    return {name: _integer(f"ports.{name}", ports[name], 1, 65535) if name in (ports or {}) else port for name in hosts}


def _boolean(option, value):
    if not isinstance(value, bool):
        raise ValueError(f"{option} is {value!r}: give true or false")
    return value


def _states(states):
    states = [states] if isinstance(states, str) else states
    if not isinstance(states, (list, tuple)) or not states:
        raise ValueError(f"states is {states!r}: give a list of instance states, such as ['running']")
    for state in states:
        if state not in STATES:
            raise ValueError(f"states has {state!r}, which EC2 does not know: choose from {', '.join(STATES)}")
    return states


def _static_labels(labels):
    if labels is None:
        return {}
    if not isinstance(labels, Mapping):
        raise ValueError(f"labels is of type {_type(labels)}: give a dictionary of label name and value")
    found = {}
    for label, value in labels.items():
        label = _label_name("labels", label)
        try:
            found[label] = _text(value)
        except TypeError:
            raise ValueError(f"labels has a value of type {_type(value)} for {label}: give a string") from None
    return found


def _tag_labels(tag_labels):
    """Tag keys by label name."""
    if tag_labels is None:
        return TAG_LABELS
    if isinstance(tag_labels, Mapping):
        return {_label_name("tag_labels", label): _tag_key(tag) for label, tag in tag_labels.items()}
    if not isinstance(tag_labels, (list, tuple)):
        raise ValueError(f"tag_labels is of type {_type(tag_labels)}: give a dictionary of label name and tag key")
    found = {}
    for tag in map(_tag_key, tag_labels):
        label = _label_of_tag(tag)
        if found.setdefault(label, tag) != tag:
            raise ValueError(
                f"tag_labels: the tags {found[label]!r} and {tag!r} would both be the label {label}: name the labels "
                "yourself, as {label: tag}"
            )
    return found


def _tag_key(tag):
    if not isinstance(tag, str) or not tag:
        raise ValueError(f"tag_labels has the tag key {tag!r}: give a string")
    return str.__str__(tag)


def _label_of_tag(tag):
    label = NOT_IN_LABEL_NAME.sub("_", tag)
    if label[0].isdigit():
        label = f"_{label}"
    elif label.startswith("__"):
        label = f"_{label.lstrip('_')}"
    if label in ("job", "instance", "_"):
        raise ValueError(f"tag_labels: the tag {tag!r} would be the label {label}: name it yourself, as {{label: tag}}")
    return label


def _label_name(option, label):
    if not isinstance(label, str) or not LABEL_NAME.fullmatch(label):
        raise ValueError(f"{option} has the label name {label!r}: use letters, digits and _, and no digit first")
    if label.startswith("__"):
        raise ValueError(f"{option} has the label name {label!r}: names that start with __ are for Prometheus itself")
    if label == "job":
        raise ValueError(f"{option} sets the label job: Prometheus takes it from job_name in the scrape configuration")
    return str.__str__(label)


def _type(value):
    return type(value).__name__
