# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes secrets out of text: the ones that are known, and whatever looks like one. Private."""

from __future__ import annotations

import re

HIDDEN = "********"
URL = (re.compile(r"(://[^/\s:@]*:)[^/\s@]+(@)"), r"\1%s\2" % HIDDEN)
PATTERNS = (
    (re.compile(r'(\(default ")[^"]*("\))'), r"\1%s\2" % HIDDEN),  # usage texts of Go programs show values
    URL,
    (re.compile(r"(authorization[\"']?\s*[:=]\s*)\S+( \S+)?", re.I), r"\1" + HIDDEN),
    (
        re.compile(r"((?:password|passwd|passphrase|secret|token|api_?key)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;}]+", re.I),
        r"\1" + HIDDEN,
    ),
    (re.compile(r"\b(requirepass|masterauth|masteruser|--pass) +\S+"), r"\1 " + HIDDEN),
    (re.compile(r"(#)[0-9a-f]{64}\b"), r"\1" + HIDDEN),
    (re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}"), HIDDEN),
)


class Mask:
    def __init__(self, secrets):
        self.secrets = []
        self.add(*secrets)

    def add(self, *secrets):
        """Secrets that are found on the way; nothing short is one."""
        known = {*self.secrets, *(one for one in secrets if one and len(one) >= 4)}
        self.secrets = sorted(known, key=len, reverse=True)

    def known(self, text):
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return text

    def text(self, text):
        text = self.known(text)
        for pattern, instead in PATTERNS:
            text = pattern.sub(instead, text)
        return text

    def argument(self, word):
        """One word of a command line."""
        name, sep, value = word.partition("=")
        if sep and re.search(r"pass(word)?$|token$|secret$", name) and value:
            return name + "=" + HIDDEN
        return self.known(URL[0].sub(URL[1], word))

    def data(self, data):
        """Known secrets in any structure: the last net, for texts that came from elsewhere."""
        if isinstance(data, str):
            return self.known(data)
        if isinstance(data, dict):
            return {key: self.data(value) for key, value in data.items()}
        if isinstance(data, list):
            return [self.data(value) for value in data]
        return data


def secrets_in(params):
    """Every password and token among the options of a module."""
    for key, value in params.items():
        if isinstance(value, dict):
            yield from secrets_in(value)
        elif isinstance(value, list):
            for one in value:
                yield from secrets_in(one) if isinstance(one, dict) else ()
        elif key.endswith(("password", "token")) and value:
            yield value
