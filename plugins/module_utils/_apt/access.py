# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apt is told of a repository that takes a login or whose certificate is of a private CA. Private."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

CONFIGURATION = "/etc/apt/apt.conf.d"
LOGINS = "/etc/apt/auth.conf.d"
FILES = (("ca_path", "CaInfo"), ("client_cert", "SslCert"), ("client_key", "SslKey"))


def paths(name):
    """Of the configuration and of the login for a package."""
    return os.path.join(CONFIGURATION, name + ".conf"), os.path.join(LOGINS, name + ".conf")


def configuration(params):
    """None where apt needs to know nothing."""
    url = urlsplit(params["repository"])
    lines = [
        f'Acquire::{url.scheme}::{url.hostname}::{name} "{params[option]}";\n'
        for option, name in FILES
        if params[option]
    ]
    if not params["use_proxy"]:
        lines.append(f'Acquire::{url.scheme}::Proxy::{url.hostname} "DIRECT";\n')
    return "".join(["// Managed by redisops.monitoring\n", *lines]).encode() if lines else None


def login(params):
    """As netrc has it, for this repository alone."""
    if not params["url_username"]:
        return None
    user, password = params["url_username"], params["url_password"]
    return f"machine {params['repository'].rstrip('/')}/\nlogin {user}\npassword {password}\n".encode()
