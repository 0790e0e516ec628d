# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store on loopback that takes samples as Amazon Managed Prometheus does: by a signature that it computes once more.

It is the metadata service of an instance as well, which hands out the credentials of the instance's role.
"""

from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SERVICE = "aps"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request,\s*"
    r"SignedHeaders=(?P<headers>[^,]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
ROLE = "monitoring-role"
CREDENTIALS = "/latest/meta-data/iam/security-credentials/"


class SignedStore:
    def __init__(self, region: str, credentials: Credentials, hands_out: Credentials | None = None) -> None:
        self.region, self.credentials, self.hands_out = region, credentials, hands_out
        self.answers: list[tuple[int, str, str]] = []  # status, why, path
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                why = store.refuses(self.command, self.path, dict(self.headers.items()), body)
                store.answers.append((403 if why else 200, why, self.path))
                self.answer(403 if why else 200, why)

            def do_PUT(self):
                self.answer(200, "token", {"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": "21600"})

            def do_GET(self):
                if store.hands_out and self.path == CREDENTIALS:
                    self.answer(200, ROLE)
                elif store.hands_out and self.path == CREDENTIALS + ROLE:
                    self.answer(200, json.dumps(of_role(store.hands_out)))
                else:
                    self.answer(404, "")

            def answer(self, status, text, headers=()):
                self.send_response(status)
                for name, value in dict(headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_args):
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def refuses(self, method: str, path: str, headers: dict[str, str], body: bytes) -> str:
        """Why a request is not taken; nothing for one that is signed right."""
        sent = {name.lower(): value for name, value in headers.items()}
        found = AUTHORIZATION.fullmatch(sent.get("authorization", ""))
        if not found:
            return "MissingAuthenticationToken"
        if found["key"] != self.credentials.access_key:
            return "UnrecognizedClient"
        if (found["region"], found["service"]) != (self.region, SERVICE):
            return "the credential is scoped to %(region)s and %(service)s" % found.groupdict()
        if (self.credentials.token or "") != sent.get("x-amz-security-token", ""):
            return "the security token is not that of the role"
        if not {"host", "x-amz-date"} <= set(found["headers"].split(";")):
            return "host and time are not signed"
        signed = {name: sent.get(name, "") for name in found["headers"].split(";")}
        if self.signature(method, path, signed, body) != found["signature"]:
            return "SignatureDoesNotMatch"
        return ""

    def signature(self, method: str, path: str, headers: dict[str, str], body: bytes) -> str:
        """As botocore computes it of what has arrived."""
        request = AWSRequest(method, self.url + path, data=body, headers=headers)
        request.context["timestamp"] = headers["x-amz-date"]
        signer = SigV4Auth(self.credentials, SERVICE, self.region)
        return signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)


def of_role(credentials: Credentials) -> dict[str, str]:
    """As the metadata service tells it."""
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    return {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "LastUpdated": "2026-01-01T00:00:00Z",
        "Expiration": end,
        "AccessKeyId": credentials.access_key,
        "SecretAccessKey": credentials.secret_key,
        "Token": credentials.token or "",
    }
