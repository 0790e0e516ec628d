# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hooks of docs/certificates.md as they stand there: a request goes out, a certificate comes in.

The program aws and the module vault_write are stand-ins that take the same words and give the same answers; both sign
by OpenSSL with what the request asks for, as AWS Private CA and Vault do.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cryptography import x509

ROOT = Path(__file__).resolve().parents[3]
DOC = (ROOT / "docs/certificates.md").read_text()
ARN = "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/ab"

SIGN = """
import subprocess

def sign(request, days):
    argv = ["openssl", "x509", "-req", "-in", request, "-CA", "{ca}/ca.crt", "-CAkey", "{ca}/ca.key"]
    argv += ["-copy_extensions", "copyall", "-days", days]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout
"""

# The first question for the certificate comes too early, as it does at AWS.
AWS = """#!{python}
import json, os, re, sys
sys.path.insert(0, {here!r})
from sign import sign

service, command, *words = sys.argv[1:]
given = dict(word.split("=", 1) for word in words)
assert service == "acm-pca" and given["--certificate-authority-arn"] == {arn!r}, sys.argv
certificate = "{here}/issued"
if command == "issue-certificate":
    assert set(given) == {{
        "--certificate-authority-arn", "--csr", "--signing-algorithm", "--template-arn", "--validity", "--query",
        "--output",
    }}
    assert given["--template-arn"].endswith(":::template/EndEntityCertificate/V1")
    days = re.fullmatch("Value=([0-9]+),Type=DAYS", given["--validity"])[1]
    open(certificate, "w").write(sign(given["--csr"].removeprefix("fileb://"), days))
    print({arn!r} + "/certificate/cd")
elif not os.path.exists(certificate + ".asked"):
    open(certificate + ".asked", "w").close()
    sys.exit("An error occurred (RequestInProgressException) when calling the GetCertificate operation")
else:
    assert command == "get-certificate" and given["--certificate-arn"] == {arn!r} + "/certificate/cd"
    print(json.dumps({{"Certificate": open(certificate).read(), "CertificateChain": ""}}))
"""

VAULT = """#!/usr/bin/python
import os, sys, tempfile
sys.path.insert(0, {here!r})
from ansible.module_utils.basic import AnsibleModule
from sign import sign

def main():
    names = ("url", "auth_method", "role_id", "path")
    spec = {{name: {{"required": True}} for name in names}}
    spec.update(secret_id={{"required": True, "no_log": True}}, data={{"type": "dict", "required": True}})
    module = AnsibleModule(spec)
    data = module.params["data"]
    assert (data["alt_names"], data["ip_sans"], data["ttl"]) == ("localhost", "127.0.0.1", "720h"), data
    with tempfile.NamedTemporaryFile("w", suffix=".csr") as request:
        request.write(data["csr"])
        request.flush()
        found = sign(request.name, "30")
    module.exit_json(changed=True, data={{"request_id": "1", "data": {{"certificate": found, "issuing_ca": ""}}}})

if __name__ == "__main__":
    main()
"""


def example(heading):
    """The tasks below a heading."""
    part = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", DOC, re.M | re.S)[1]
    (tasks,) = [block for block in re.findall(r"```yaml\n(.*?)```", part, re.S) if block.startswith("- name")]
    return tasks


@pytest.fixture
def hook(run_tasks, tmp_path):
    """hook(tasks) -> the certificate that a hook of these tasks has installed."""
    run_tasks("authority", monitoring_cluster="a", certificates_permitted=[])
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    argv = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout"]
    argv += [
        tmp_path / "tls/server.key",
        "-subj",
        "/CN=host",
        "-addext",
        names,
        "-addext",
        "extendedKeyUsage=serverAuth",
    ]
    request = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    (tmp_path / "sign.py").write_text(SIGN.format(ca=tmp_path / "ca"))

    def run(tasks, **variables):
        (tmp_path / "hook_tasks.yml").write_text(tasks)
        item = {"name": "server", "names": ["DNS:localhost", "IP:127.0.0.1"], "usage": ["serverAuth"], "days": 30}
        run_tasks(
            "hook",
            path=str(tmp_path),
            certificates_hook=str(tmp_path / "hook_tasks.yml"),
            __certificates_asked={"csr": request, "item": item},
            __certificates_wanted={"bundle": (tmp_path / "ca/ca.crt").read_text()},
            **variables,
        )
        return x509.load_pem_x509_certificate((tmp_path / "tls/server.crt").read_bytes())

    return run


def is_for_localhost(certificate):
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    lives = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return (
        names.get_values_for_type(x509.DNSName) == ["localhost"]
        and list(usage) == [x509.ExtendedKeyUsageOID.SERVER_AUTH]
        and lives.days == 30
    )


def test_aws_private_ca(hook, tmp_path):
    program = tmp_path / "aws"
    program.write_text(AWS.format(python=sys.executable, here=str(tmp_path), arn=ARN))
    program.chmod(0o755)
    assert is_for_localhost(hook(example("AWS Private CA"), private_ca_arn=ARN))
    assert (tmp_path / "issued.asked").exists()  # it was asked twice


def test_vault(hook, tmp_path):
    (tmp_path / "library").mkdir()
    (tmp_path / "library/vault_write.py").write_text(VAULT.format(here=str(tmp_path)))
    tasks = example("Vault").replace("community.hashi_vault.vault_write:", "vault_write:")
    assert is_for_localhost(hook(tasks, vault_role_id="role", vault_secret_id="secret"))


def test_the_module_of_vault_takes_what_the_example_gives_it():
    beside = Path(sys.executable).with_name("ansible-doc")
    argv = [beside, "--json", "community.hashi_vault.vault_write"]
    said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    options = json.loads(said)["community.hashi_vault.vault_write"]["doc"]["options"]
    (task, dummy) = yaml.safe_load(example("Vault"))
    assert set(task["community.hashi_vault.vault_write"]) <= set(options)
