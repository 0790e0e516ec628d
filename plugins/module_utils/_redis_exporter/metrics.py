# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics of the exporter: how they are fetched, and the few that tell whether it works. Private."""

from __future__ import annotations

import re

from ansible_collections.redisops.monitoring.plugins.module_utils import _certificate, _http, _tls


class Unreachable(Exception):
    """The exporter's port does not answer (yet)."""

    def __init__(self, text, final=False):
        super().__init__(text)
        self.final = final  # waiting does not help


class Metrics:
    """The few samples of /metrics that tell whether the exporter works."""

    def __init__(self, text, namespace="redis"):
        self.text = text
        self.namespace = namespace

    def value(self, name):
        found = re.search(r"^%s_%s(?:\{[^}]*\})? (\S+)" % (re.escape(self.namespace), name), self.text, re.M)
        return float(found.group(1)) if found else None

    @property
    def version(self):
        pattern = r'^%s_exporter_build_info\{[^}]*version="v?([^"]*)"' % re.escape(self.namespace)
        found = re.search(pattern, self.text, re.M)
        return found.group(1) if found else None

    def runs(self, wanted):
        """Whether this is the wanted version; distributions add a suffix, and without build info nobody can tell."""
        return self.version is None or re.match(r"%s(?![\d.])" % re.escape(wanted), self.version) is not None


def fetch(url, server_cert_file="", cert_file="", key_file="", username="", password="", timeout=15):
    """Body of a page of the exporter; Unreachable with the reason.

    Over TLS it has to show exactly the certificate of the file. Nothing secret is sent before that is seen.
    """
    options = {"username": username, "password": password, "timeout": timeout}
    if url.startswith("https:"):
        pem = _tls.first_pem(server_cert_file, "redis_exporter_web_tls_cert_file")
        options.update(client_cert=cert_file, client_key=key_file)
        options.update(validate_certs=False, certificate=_certificate.pem_to_der(pem))
    try:
        answer = _http.request("GET", url, **options)
    except _http.HttpError as err:
        if err.kind == "certificate":
            raise Unreachable("it shows another certificate than %s" % server_cert_file, final=True) from None
        raise Unreachable(str(err), final=err.kind == "client_cert") from None
    if answer.status == 401:
        raise Unreachable("it refuses redis_exporter_web_username and redis_exporter_web_password", final=True)
    if answer.status != 200:
        raise Unreachable("HTTP status %d" % answer.status)
    return answer.text()
