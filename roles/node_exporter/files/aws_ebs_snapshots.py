# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Age, state and encryption of the snapshots of EBS volumes, for the textfile collector of node_exporter.

    aws_ebs_snapshots.py --config FILE [--output FILE]

The configuration is JSON: `instances`, labels (node, cluster, environment) by instance id, and optionally `filters`,
further filters of DescribeVolumes, `region` and `endpoint_url`. Calls DescribeVolumes and DescribeSnapshots, nothing
else. A run that did not see everything fails, and the output stays as it was.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.request

from _files import write_atomically  # installed beside this file

LABELS = ("node", "cluster", "environment")
VALUES_PER_FILTER = 200  # what EC2 takes
METRICS = {
    "aws_ebs_snapshot_last_completed_timestamp_seconds": "Start of the newest completed snapshot, 0 for none.",
    "aws_ebs_snapshot_last_failed_timestamp_seconds": "Start of the newest snapshot in state error, 0 for none.",
    "aws_ebs_snapshot_last_completed_encrypted": "Whether the newest completed snapshot is encrypted.",
    "aws_ebs_volume_encrypted": "Whether the volume is encrypted.",
    "aws_ebs_volume_create_timestamp_seconds": "When the volume was made.",
}


class Problem(Exception):
    """One line for the journal."""


def own_region():
    """The region of this instance, from its metadata service (version 2)."""
    base = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254").rstrip("/")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(path, method, header, value):
        request = urllib.request.Request(f"{base}/latest/{path}", method=method)
        request.add_header(f"X-aws-ec2-metadata-{header}", value)
        with opener.open(request, timeout=5) as answer:
            return answer.read().decode().strip()

    try:
        token = ask("api/token", "PUT", "token-ttl-seconds", "60")
        return ask("meta-data/placement/region", "GET", "token", token)
    except (OSError, ValueError) as err:
        raise Problem(
            f"the metadata service of EC2 does not tell the region ({err}): set node_exporter_ebs_region"
        ) from None


def connect(settings):
    try:
        import boto3
        import botocore.config
    except ImportError:
        raise Problem(f"{sys.executable} has no boto3: install the package python3-boto3") from None
    # Without these an endpoint that does not answer would keep the run for many minutes.
    config = botocore.config.Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 4})
    return boto3.client(
        "ec2", region_name=settings.get("region") or own_region(), endpoint_url=settings.get("endpoint_url") or None,
        config=config,
    )  # fmt: skip


def pages(ec2, operation, key, name, values, **more):
    """All that an operation has for a filter with any number of values: one paginated call for each 200 of them."""
    filters = more.pop("filters", [])
    paginator = ec2.get_paginator(operation)
    for start in range(0, len(values), VALUES_PER_FILTER):
        some = [{"Name": name, "Values": values[start : start + VALUES_PER_FILTER]}]
        for page in paginator.paginate(Filters=some + filters, PaginationConfig={"PageSize": 500}, **more):
            yield from page[key]


def seconds(when):
    return int(when.timestamp())


def collect(ec2, instances, filters):
    """For each volume its labels, and its metrics by name."""
    volumes = {
        volume["VolumeId"]: volume
        for volume in pages(
            ec2, "describe_volumes", "Volumes", "attachment.instance-id", sorted(instances),
            filters=[{"Name": name, "Values": values} for name, values in sorted(filters.items())],
        )
    }  # fmt: skip
    if not volumes:
        raise Problem(
            f"no volume is attached to {', '.join(sorted(instances))} in {ec2.meta.region_name}:"
            " is that their region, and do the volumes carry the tags that are asked for?"
        )
    newest = {}
    for snapshot in pages(ec2, "describe_snapshots", "Snapshots", "volume-id", sorted(volumes), OwnerIds=["self"]):
        key = snapshot["VolumeId"], snapshot["State"]
        if key not in newest or snapshot["StartTime"] > newest[key]["StartTime"]:
            newest[key] = snapshot
    for identifier, volume in sorted(volumes.items()):
        completed, failed = newest.get((identifier, "completed")), newest.get((identifier, "error"))
        values = {
            "aws_ebs_snapshot_last_completed_timestamp_seconds": seconds(completed["StartTime"]) if completed else 0,
            "aws_ebs_snapshot_last_failed_timestamp_seconds": seconds(failed["StartTime"]) if failed else 0,
            "aws_ebs_volume_encrypted": int(volume["Encrypted"]),
            "aws_ebs_volume_create_timestamp_seconds": seconds(volume["CreateTime"]),
        }
        if completed:
            values["aws_ebs_snapshot_last_completed_encrypted"] = int(completed["Encrypted"])
        # A volume may be attached to several instances; the first of ours stands for it.
        owner = [one["InstanceId"] for one in volume["Attachments"] if one["InstanceId"] in instances][0]
        labels = {"volume_id": identifier, "instance_id": owner}
        labels.update((name, instances[owner].get(name, "")) for name in LABELS)
        yield labels, values


def quoted(value):
    return '"' + str(value).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") + '"'


def metrics(found):
    found = list(found)
    lines = []
    for name, meaning in METRICS.items():
        lines += [f"# HELP {name} {meaning}\n", f"# TYPE {name} gauge\n"]
        for labels, values in found:
            if name in values:
                text = ",".join(f"{label}={quoted(value)}" for label, value in labels.items())
                lines.append(f"{name}{{{text}}} {values[name]}\n")
    return "".join(lines)


def explain(err):
    """What boto3 says, in one line, and what to do about it where that is known."""
    code = getattr(err, "response", {}).get("Error", {}).get("Code", "")
    text = " ".join(str(err).split())
    if code in ("UnauthorizedOperation", "AccessDenied"):
        text += ": the instance role needs ec2:DescribeVolumes and ec2:DescribeSnapshots"
    elif type(err).__name__ == "NoCredentialsError":
        text = "no AWS credentials: give the instance a role with ec2:DescribeVolumes and ec2:DescribeSnapshots"
    return text


def main():
    parser = argparse.ArgumentParser(description="Writes age, state and encryption of the snapshots of EBS volumes.")
    parser.add_argument("--config", required=True, help="JSON file")
    parser.add_argument("--output", help="file to write, else standard output")
    given = parser.parse_args()
    try:
        with open(given.config, encoding="utf-8") as handle:
            settings = json.load(handle)
        text = metrics(collect(connect(settings), settings["instances"], settings.get("filters", {})))
        if given.output:
            write_atomically(given.output, text.encode(), 0o644)
        else:
            sys.stdout.write(text)
    except Problem as problem:
        return f"error: {problem}"
    except OSError as err:
        return f"error: {err.filename or given.output}: {err.strerror or err}"
    except Exception as err:  # boto3's have no common base but this
        return f"error: {explain(err)}"
    return 0


if __name__ == "__main__":
    sys.exit(main())
