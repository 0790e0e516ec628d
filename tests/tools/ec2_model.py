# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes plugins/module_utils/_ec2_model.py, the excerpt of botocore's EC2 model for ec2_security_group_rules.

Needed when the module calls another operation or wants a new member of an answer. AWS only ever adds to its models.
"""

from __future__ import annotations

import json
from pathlib import Path

import botocore.loaders

TARGET = Path(__file__).resolve().parents[2] / "plugins" / "module_utils" / "_ec2_model.py"
OPERATIONS = (
    "AuthorizeSecurityGroupEgress",
    "AuthorizeSecurityGroupIngress",
    "CreateTags",
    "DescribeSecurityGroupRules",
    "DescribeSecurityGroups",
    "ModifySecurityGroupRules",
    "RevokeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
)
HEAD = '''\
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ec2_security_group_rules uses of AWS's model of the EC2 API. Made by tests/tools/ec2_model.py: change that.

MODEL is an excerpt of botocore's data/{version}/service-2.json, Copyright Amazon.com, Inc. or its affiliates,
Apache License 2.0.
"""

from __future__ import annotations

VERSION = "{version}"

MODEL = r"""
{model}
"""
'''


def without_documentation(value):
    if isinstance(value, dict):
        return {
            name: without_documentation(part)
            for name, part in value.items()
            if name != "documentation" or not isinstance(part, str)
        }
    return [without_documentation(part) for part in value] if isinstance(value, list) else value


def shapes_of(value):
    """Names of the shapes that *value* refers to."""
    if isinstance(value, list):
        return {name for part in value for name in shapes_of(part)}
    if not isinstance(value, dict):
        return set()
    here = {value["shape"]} if isinstance(value.get("shape"), str) else set()
    return here.union(*(shapes_of(part) for part in value.values()))


def excerpt(model):
    operations = {name: model["operations"][name] for name in OPERATIONS}
    shapes, missing = {}, shapes_of(operations)
    while missing:
        shapes.update((name, model["shapes"][name]) for name in missing)
        missing = shapes_of(list(shapes.values())) - set(shapes)
    return without_documentation({**model, "operations": operations, "shapes": dict(sorted(shapes.items()))})


def wrapped(text, width=118):
    """JSON may be broken after any comma between its values, and json.dumps put a line break there."""
    lines = [""]
    for part in text.split("\n"):
        if len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def main():
    loader = botocore.loaders.Loader()
    version = f"ec2/{loader.determine_latest_version('ec2', 'service-2')}"
    text = json.dumps(excerpt(loader.load_data(f"{version}/service-2")), separators=(",\n", ":"))
    TARGET.write_text(HEAD.format(version=version, model=wrapped(text)), encoding="utf-8")


if __name__ == "__main__":
    main()
