# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab as AWX sees it: a project, an inventory that was imported, credentials, and jobs that ansible-runner runs.

A job is a process without capabilities (so that root, too, is stopped by permissions), with a home that it may not
write to, no sudo, nothing in the fact cache, and a directory of its own that is gone afterwards.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
UNPRIVILEGED = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


class Text(str):
    """An answer, or the value of a credential: AWX lets no template through."""


yaml.SafeDumper.add_representer(Text, lambda dumper, value: dumper.represent_scalar("!unsafe", str(value)))
yaml.SafeLoader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def unsafe(value):
    """As AWX's safe_dump: every text is data."""
    if isinstance(value, dict):
        return {key: unsafe(one) for key, one in value.items()}
    if isinstance(value, list):
        return [unsafe(one) for one in value]
    return Text(value) if isinstance(value, str) else value


def configuration():
    """The objects of awx/configuration by their variables."""
    found = {}
    for path in sorted((ROOT / "awx/configuration").glob("*.yml")):
        found.update(yaml.safe_load(path.read_text()))
    return found


def templates():
    return {one["playbook"].removesuffix(".yml"): one for one in configuration()["controller_templates"]}


def answers(template):
    """What a survey gives when nobody changes anything: defaults, and blanks."""
    survey = template.get("survey_spec", {}).get("spec", [])
    return {one["variable"]: one["default"] for one in survey if "default" in one}


class Job:
    def __init__(self, directory, ident, done):
        self.directory, self.output, self.rc = directory, done.stdout, done.returncode
        events = (directory / "artifacts" / str(ident) / "job_events").glob("*.json")
        self.events = sorted((json.loads(path.read_text()) for path in events), key=lambda one: one["counter"])

    @property
    def artifacts(self):
        """What set_stats left, as AWX takes it from the last event."""
        stats = [one["event_data"] for one in self.events if one["event"] == "playbook_on_stats"]
        return stats[-1].get("artifact_data", {}) if stats else {}

    @property
    def changed(self):
        tasks = [one["event_data"] for one in self.events if one["event"] == "runner_on_ok"]
        return [f"{one['host']}: {one['task']}" for one in tasks if (one.get("res") or {}).get("changed")]

    def failures(self):
        kinds = ("runner_on_failed", "runner_on_unreachable")
        failed = [one["event_data"] for one in self.events if one["event"] in kinds]
        failed = [one for one in failed if not one.get("ignore_errors")]
        return [f"{one['host']}: {one['task']}: {one['res'].get('msg')}" for one in failed]


class Controller:
    def __init__(self, lab, directory):
        self.lab, self.directory, self.count = lab, directory, 0
        self.home = directory / "home"
        self.home.mkdir()
        self.home.chmod(0o555)
        os.chown(self.home, 65534, 65534)
        programs = directory / "bin"
        programs.mkdir()
        (programs / "sudo").write_text("#!/bin/sh\necho no sudo in an execution environment >&2; exit 1\n")
        (programs / "sudo").chmod(0o755)
        path = f"{programs}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {
            "PATH": path,
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_HOME": str(directory / "ansible"),  # Ansible itself wants to write somewhere
            "ANSIBLE_FORCE_COLOR": "False",
            "ANSIBLE_HOST_KEY_CHECKING": "False",
            "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
            "ANSIBLE_PARAMIKO_RECORD_HOST_KEYS": "False",
            "ANSIBLE_RETRY_FILES_ENABLED": "False",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(directory / "cp"),
            "ANSIBLE_COLLECTIONS_PATH": str(directory / "requirements_collections"),
            # The credential for AWS, and where this account is.
            "AWS_ACCESS_KEY_ID": lab.about["aws"].get("access_key", "lab"),
            "AWS_SECRET_ACCESS_KEY": "lab",
            "AWS_ENDPOINT_URL": lab.about["aws"]["endpoint_url"],
            "no_proxy": "*",
        }
        self.update_project()
        self.update_inventory()

    def run(self, *argv, **options):
        argv = [*UNPRIVILEGED, *map(str, argv)]
        return subprocess.run(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=1800, **options
        )

    def update_project(self):
        """The user's repository: awx/project with an inventory. Its collection is installed from the archive."""
        shutil.copytree(ROOT / "awx/project", self.directory / "project")
        shutil.copytree(self.lab.directory / "inventory", self.directory / "project/inventory")
        self.without_secrets(self.directory / "project/inventory/group_vars")
        galaxy, place = "ansible-galaxy collection", self.directory / "requirements_collections"
        for line in (
            f"{galaxy} build --output-path {self.directory} {ROOT}",
            f"{galaxy} install --offline --no-deps -p {place} {self.directory}/redisops-monitoring-*.tar.gz",
        ):
            done = self.run("sh", "-c", line, env=self.environment)
            assert done.returncode == 0, done.stdout

    def without_secrets(self, variables):
        """What a lab reads from files comes from credentials here, and the key from ssh-agent."""
        (variables / "all/vault.yml").unlink()
        about = yaml.safe_load((variables / "all/zz_lab.yml").read_text())
        text = json.dumps({name: one for name, one in about.items() if not name.endswith("_report_dir")})
        read = "{{ lookup('ansible.builtin.file', '%s/secrets/webhook_token') }}" % self.lab.directory
        assert read in text
        (variables / "all/zz_lab.yml").write_text(text.replace(read, "{{ vault_deadman_url }}"))
        for group in ("redis", "monitoring"):
            connection = yaml.safe_load((variables / f"{group}.yml").read_text())
            del connection["ansible_ssh_private_key_file"], connection["ansible_control_path_dir"]
            arguments = connection["ansible_ssh_common_args"].replace("-o IdentitiesOnly=yes", "")
            connection["ansible_ssh_common_args"] = arguments
            (variables / f"{group}.yml").write_text(yaml.safe_dump(connection))

    def update_inventory(self):
        """Exported, kept in a database, and handed to jobs as a script."""
        source = self.directory / "project" / configuration()["awx_inventory_path"]
        output = self.directory / "output.json"
        environment = {**self.environment, "ANSIBLE_INVENTORY_EXPORT": "True"}
        argv = ["--list", "--export", "-i", source, "--output", output, "--playbook-dir", source.parent]
        done = self.run("ansible-inventory", *argv, env=environment, cwd=self.directory / "project")
        assert done.returncode == 0, done.stdout
        found = json.loads(output.read_text())
        found["_meta"] = {"hostvars": found["_meta"]["hostvars"]}
        for number, variables in enumerate(found["_meta"]["hostvars"].values(), 1):
            variables.update(remote_tower_enabled="true", remote_tower_id=number)
        self.inventory = found

    def credentials(self):
        """The variables that the types of awx/configuration give to a job, each as a text."""
        secrets = self.lab.secrets
        inputs = {
            "monitoring_secret": secrets["monitoring_secret"],
            "username": "admin_user",
            "password": secrets["redis_admin_password"],
            "slack_webhook_url": f"{self.lab.about['webhook']['url']}/chat",
            "pagerduty_routing_key": "",
            "deadman_url": secrets["webhook_token"],
        }
        found = {}
        for kind in configuration()["controller_credential_types"]:
            for name, template in kind["injectors"]["extra_vars"].items():
                found[name] = inputs[template.strip("{} ")]
        return found

    def launch(self, name, survey=None, job_type="run", **prompts):
        """A job of a template with these answers over those of its survey."""
        self.count += 1
        template = templates()[name]
        directory = self.directory / f"job_{self.count}"
        shutil.copytree(self.directory / "project", directory / "project")
        (directory / "env").mkdir()
        (directory / "inventory").mkdir()
        hosts = directory / "inventory/hosts"
        hosts.write_text(f"#! /usr/bin/env python3\n# -*- coding: utf-8 -*-\nprint({json.dumps(self.inventory)!r})\n")
        hosts.chmod(0o700)
        extra = {**answers(template), **(survey or {})}
        extra.update({f"{who}_{key}": one for who in ("awx", "tower") for key, one in self.about_job(name).items()})
        credentials = directory / "env/credentials"
        credentials.write_text(yaml.safe_dump(unsafe(self.credentials())))
        (directory / "env/extravars").write_text(yaml.safe_dump(unsafe(extra)))
        (directory / "env/ssh_key").write_text((self.lab.directory / "ssh/id_ed25519").read_text())
        (directory / "env/envvars").write_text(yaml.safe_dump({**self.environment, "JOB_ID": str(self.count)}))
        line = ["-u", "ubuntu", "-e", f"@{credentials}"]
        line += ["--check"] if job_type == "check" else []
        line += ["--diff"] if template.get("diff_mode") else []
        line += [word for option, value in prompts.items() for word in ("--" + option.replace("_", "-"), value)]
        argv = [sys.executable, "-m", "ansible_runner", "run", directory, "--playbook", template["playbook"]]
        argv += ["--inventory", hosts, "--ident", self.count, "--cmdline", " ".join(line)]
        done = self.run(*argv, env=self.environment, cwd=directory)
        return Job(directory, self.count, done)

    def about_job(self, name):
        return {
            "job_id": self.count,
            "job_launch_type": "manual",
            "job_template_id": 7,
            "job_template_name": f"Redis monitoring: {name}",
            "inventory_id": 2,
            "inventory_name": "Redis monitoring",
            "project_revision": "0" * 40,
            "user_id": 1,
            "user_name": "anna",
        }
