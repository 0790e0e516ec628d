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

LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
NOT_IN_LABEL_NAME = re.compile(r"[^a-zA-Z0-9_]")
HOST_NAME = re.compile(r"[a-zA-Z0-9_]([a-zA-Z0-9._-]*[a-zA-Z0-9_])?\.?")
DIGITS = re.compile(r"(\d+)")
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
):
    hosts = _host_names(hosts)
    port = _integer("port", port, 1, 65535)
    min_targets = _integer("min_targets", min_targets, 0)
    labels = _static_labels(labels)
    tag_labels = _tag_labels(tag_labels)
    states = _states(states)
    if address not in ADDRESSES:
        raise ValueError(f"address is {address!r}: choose one of {', '.join(ADDRESSES)}")
    if not hosts and min_targets:
        raise ValueError(
            "no hosts to scrape: the inventory is empty, or the group is. An inventory plugin that failed leaves an empty "
            "group and exit code 0: look for its warning, run `ansible-inventory --graph`, and set "
            "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=1 so that it fails at once"
        )

    reader = _Reader(hostvars, hostvars_prefix, hostvars_suffix)
    entries, skipped, owner_of_target, owner_of_instance = [], [], {}, {}
    for name in hosts:
        host = reader.read(name)
        if host.is_ec2 and host.state and host.state not in states:
            skipped.append(f"{name} is {host.state}")
            continue
        where = host.address(address)
        if not where:
            skipped.append(f"{name} has no {ADDRESSES[address]}")
            continue

        target = f"{_bracketed(name, where)}:{port}"
        other = owner_of_target.setdefault(target.lower(), name)
        if other != name:
            raise ValueError(
                f"the hosts {other} and {name} both have the address {target}: one of them would be scraped twice and the "
                f"other never. Correct the inventory, or choose another address than {address!r}"
            )
        found = host.labels(tag_labels)
        if meta_labels:
            found.update(host.meta_labels())
        found.update(labels)
        found = {label: found[label] for label in sorted(found) if found[label]}
        instance = found.get("instance", target)
        other = owner_of_instance.setdefault(instance, name)
        if other != name:
            raise ValueError(
                f"the hosts {other} and {name} would both have the label instance={instance!r} and their series would "
                "collide: take `instance` from a tag that is unique, or leave it to Prometheus"
            )
        entries.append((_natural(target), target, found))

    if len(entries) < min_targets:
        raise ValueError(
            f"{len(entries)} of {len(hosts)} hosts can be scraped, but min_targets is {min_targets}: {_some(skipped)}. "
            f"Start the instances, or change states (now {', '.join(states)}), address (now {address}) or min_targets"
        )
    return _grouped(entries), skipped


class _Reader:
    """Reads a host's variables, and finds the prefix and suffix that the EC2 inventory plugin gave to their names."""

    def __init__(self, hostvars, prefix, suffix):
        if not isinstance(hostvars, Mapping):
            raise ValueError(f"hostvars is of type {_type(hostvars)}: pass Ansible's own variable `hostvars`")
        for option, value in (("hostvars_prefix", prefix), ("hostvars_suffix", suffix)):
            if not isinstance(value, str):
                raise ValueError(f"{option} is of type {_type(value)}: give a string")
        self.hostvars = hostvars
        self.prefix, self.suffix = prefix, suffix
        self.detect = not (prefix or suffix)

    def read(self, name):
        if name not in self.hostvars:
            raise ValueError(
                f"the host {name} is not in hostvars: pass names from the inventory, such as groups['redis']"
            )
        variables = self.hostvars[name]  # once a host: with Ansible's own hostvars this is what costs
        if self.detect and f"{self.prefix}instance_id{self.suffix}" not in variables:
            self._detect(variables)
        return _Host(name, variables, self.prefix, self.suffix)

    def _detect(self, variables):
        for key in sorted(key for key in variables if "instance_id" in key):
            prefix, suffix = key.split("instance_id", 1)
            # One more of the plugin's variables, or it is somebody else's `my_instance_id`.
            if f"{prefix}private_ip_address{suffix}" in variables or f"{prefix}state{suffix}" in variables:
                self.prefix, self.suffix = str.__str__(prefix), str.__str__(suffix)
                return


class _Host:
    def __init__(self, name, variables, prefix, suffix):
        self.name, self.variables, self.prefix, self.suffix = name, variables, prefix, suffix
        self.instance_id = self.ec2("instance_id")
        self.is_ec2 = bool(self.instance_id)

    def ec2(self, key):
        return self.variables.get(f"{self.prefix}{key}{self.suffix}")

    @property
    def state(self):
        state = self.ec2("state")
        return state.get("name") if isinstance(state, Mapping) else state

    @property
    def tags(self):
        """amazon.aws 11.2 and later say ec2_tags; `tags` clashes with Ansible's own word and is on its way out."""
        for key in ("ec2_tags", "tags"):
            tags = self.ec2(key)
            if isinstance(tags, Mapping):
                return tags
            if tags and self.is_ec2:
                raise ValueError(f"the host {self.name} has {key} of type {_type(tags)}: EC2 tags are a dictionary")
        return {}

    def address(self, kind):
        if kind == "ansible_host":
            return self.variables.get("ansible_host") or (None if self.is_ec2 else self.name)
        found = self.ec2(ADDRESSES[kind])
        if self.is_ec2:
            # As Prometheus' own ec2_sd does since 3.14.
            return (
                self._ipv6()[0] or found
                if kind == "ipv6"
                else found or (self._ipv6()[0] if kind == "private" else None)
            )
        return found or self.variables.get("ansible_host") or self.name

    def labels(self, tag_labels):
        tags, found = self.tags, {}
        if self.is_ec2:
            placement = self.ec2("placement") or {}
            found["instance_id"] = self._text("instance_id", self.instance_id)
            found["availability_zone"] = self._text("availability_zone", placement.get("availability_zone"))
            found["instance_type"] = self._text("instance_type", self.ec2("instance_type"))
        for label, tag in tag_labels.items():
            value = tags.get(tag)
            if value is None and not self.is_ec2:
                value = self._variable(label)
            if value is None and tag == "Name":
                value = self.name
            if value is not None:
                found[label] = self._text(f"tag {tag}", value)
        return found

    def _variable(self, label):
        for key in (label, f"monitoring_{label}"):
            value = self.variables.get(key)
            if isinstance(value, (str, int, float)):
                return value
        return None

    def meta_labels(self):
        """What Prometheus' ec2_sd_configs puts there, so that one relabel_config serves both."""
        if not self.is_ec2:
            return {}
        placement = self.ec2("placement") or {}
        default_ipv6, primary_ipv6, ipv6 = self._ipv6()
        subnets = dict.fromkeys(eni["subnet_id"] for eni in self._interfaces())
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
            "subnet_id": _listed(subnets),
            "vpc_id": self.ec2("vpc_id"),
        }
        tags = self.tags
        for key in sorted(tags, reverse=True):  # of two keys that become one name, the first in order stays
            found["tag_" + NOT_IN_LABEL_NAME.sub("_", key)] = tags[key]
        return {f"__meta_ec2_{key}": self._text(key, value) for key, value in found.items() if value is not None}

    def _interfaces(self):
        return [eni for eni in self.ec2("network_interfaces") or () if eni.get("subnet_id")]

    def _ipv6(self):
        """The default IPv6 address, the primary ones at their device index, and all of them."""
        primary, every = [], []
        for eni in self._interfaces():
            for entry in eni.get("ipv6_addresses") or ():
                every.append(entry["ipv6_address"])
                if entry.get("is_primary_ipv6"):
                    index = eni["attachment"]["device_index"]
                    primary += [""] * (index + 1 - len(primary))
                    primary[index] = entry["ipv6_address"]
        return next(filter(None, primary + every), None), primary, every

    def _text(self, what, value):
        try:
            return _text(value)
        except TypeError:
            raise ValueError(
                f"the host {self.name} has {what} of type {_type(value)}: a label needs a string"
            ) from None


def _text(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str.__str__(str(value))  # a plain str, without what Ansible attaches to its own
    raise TypeError


def _listed(values):
    """In separators on both sides, so that a relabelling regex can match one whole value."""
    return f",{','.join(values)}," if values else None


def _bracketed(name, where):
    where = str.__str__(where) if isinstance(where, str) else where
    try:
        ip = ipaddress.ip_address(where.strip("[]"))
    except (ValueError, AttributeError):
        if not isinstance(where, str) or not HOST_NAME.fullmatch(where):
            raise ValueError(
                f"the host {name} has the address {where!r}, which is neither an IP address nor a host name: set ansible_host"
            ) from None
        return where
    return f"[{ip}]" if ip.version == 6 else str(ip)


def _natural(text):
    return [int(part) if index % 2 else part for index, part in enumerate(DIGITS.split(text))]


def _grouped(entries):
    groups = {}
    for _key, target, labels in sorted(entries, key=lambda entry: entry[:2]):
        group = groups.setdefault(tuple(labels.items()), {"targets": [], "labels": labels})
        group["targets"].append(target)
    return list(groups.values())


def _host_names(hosts):
    if isinstance(hosts, (str, Mapping)) or not isinstance(hosts, Iterable):
        raise ValueError(f"the hosts are of type {_type(hosts)}: pass a list of host names, such as groups['redis']")
    hosts = list(dict.fromkeys(hosts))
    for name in hosts:
        if not isinstance(name, str):
            raise ValueError(f"the host {name!r} is of type {_type(name)}: host names are strings")
    return [str.__str__(name) for name in hosts]


def _integer(option, value, low, high=None):
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    if isinstance(number, bool) or not isinstance(number, int) or number < low or (high and number > high):
        raise ValueError(f"{option} is {value!r}: give an integer from {low}{f' to {high}' if high else ' up'}")
    return int(number)


def _states(states):
    states = [states] if isinstance(states, str) else states
    if not isinstance(states, (list, tuple)) or not states:
        raise ValueError(f"states is {states!r}: give a list of instance states, such as ['running']")
    for state in states:
        if state not in STATES:
            raise ValueError(f"states has {state!r}, which EC2 does not know: choose from {', '.join(STATES)}")
    return [str.__str__(state) for state in states]


def _static_labels(labels):
    if labels is None:
        return {}
    if not isinstance(labels, Mapping):
        raise ValueError(f"labels is of type {_type(labels)}: give a dictionary of label name and value")
    found = {}
    for label, value in labels.items():
        try:
            found[_label_name("labels", label)] = _text(value)
        except TypeError:
            raise ValueError(f"labels has {label} of type {_type(value)}: a label needs a string") from None
    return found


def _tag_labels(tag_labels):
    """Label name to tag key. A list of tag keys names the labels after them."""
    if tag_labels is None:
        return TAG_LABELS
    if isinstance(tag_labels, Mapping):
        found = {_label_name("tag_labels", label): tag for label, tag in tag_labels.items()}
    elif isinstance(tag_labels, (list, tuple)):
        found = {}
        for tag in dict.fromkeys(tag_labels):
            label = _from_tag(tag)
            if label in found:
                raise ValueError(
                    f"tag_labels: the tags {found[label]!r} and {tag!r} both become the label {label}: name the labels "
                    "yourself, as {label: tag}"
                )
            found[label] = tag
    else:
        raise ValueError(f"tag_labels is of type {_type(tag_labels)}: give a dictionary of label name and tag key")
    for label, tag in found.items():
        if not isinstance(tag, str) or not tag:
            raise ValueError(f"tag_labels has {tag!r} for {label}: give the tag's key, a string")
    return {label: str.__str__(tag) for label, tag in found.items()}


def _from_tag(tag):
    if not isinstance(tag, str) or not tag:
        raise ValueError(f"tag_labels has {tag!r}: give tag keys, which are strings")
    label = NOT_IN_LABEL_NAME.sub("_", str.__str__(tag))
    if label[0].isdigit():
        label = f"_{label}"
    elif label.startswith("__"):
        label = f"_{label.lstrip('_')}"
    if label in ("job", "instance") or label == "_":
        raise ValueError(
            f"tag_labels: the tag {tag!r} would become the label {label}: name the label yourself, as {{label: tag}}"
        )
    return label


def _label_name(option, label):
    if not isinstance(label, str) or not LABEL_NAME.fullmatch(label):
        raise ValueError(
            f"{option} has the label name {label!r}: Prometheus wants letters, digits and _, and no digit first"
        )
    if label.startswith("__"):
        raise ValueError(f"{option} has the label name {label!r}: names that start with __ belong to Prometheus itself")
    if label == "job":
        raise ValueError(f"{option} sets the label job: Prometheus takes it from job_name in the scrape configuration")
    return str.__str__(label)


def _some(skipped):
    more = len(skipped) - MOST_NAMED
    return "; ".join(skipped[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _type(value):
    return type(value).__name__
