# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why the exporter does not stay up, from what systemd reports and what it wrote to the journal. Private."""

from __future__ import annotations

import re

PROPAGATION = (
    "systemd cannot hand credentials to services here because the root mount is private, as in some containers; "
    "run mount --make-rshared / when the host starts"
)

# What systemd reports about a service that does not stay up.
EXIT_STATUS = {
    203: "its program cannot be run (missing, or built for another architecture)",
    217: "systemd could not make its user",
    226: "systemd could not build its sandbox; a kernel or container without namespaces",
    228: "systemd could not set its system call filter",
    243: "systemd could not hand over its credentials; a file of LoadCredential= is missing",
}
_FLAG_ERRORS = (
    re.compile(r"flag provided but not defined: -{1,2}([\w.-]+)"),
    re.compile(r"flag needs an argument: -{1,2}([\w.-]+)"),
    re.compile(r"invalid (?:boolean )?value .* for (?:flag )?-{1,2}([\w.-]+): "),
)
_VALUE_ERROR = re.compile(r"[Cc]ouldn't parse (check-[a-z-]+|count-keys|connection timeout)")
_FILE_ERROR = re.compile(r"\b(?:open|stat|read) (/[^:\s]+): (no such file or directory|permission denied)")


def why_ended(result, exit_status, journal):
    """One line about a service that ended. The journal is read, never repeated: usage texts can hold passwords."""
    for pattern in _FLAG_ERRORS:
        found = pattern.findall(journal)
        if found and exit_status == 2:
            return "it does not take the flag %s (exit status 2); correct redis_exporter_flags" % found[-1]
    found = _VALUE_ERROR.findall(journal)
    if found:
        return "it does not take the value of the flag %s; correct redis_exporter_flags" % found[-1].replace(" ", "-")
    found = _FILE_ERROR.findall(journal)
    if found:
        path, error = found[-1]
        if error == "permission denied" and path.startswith("/run/credentials/"):
            return "it may not read %s: %s" % (path, PROPAGATION)
        return "it cannot open %s (%s)" % (path, error)
    if "bind: address already in use" in journal:
        return "its port is taken by another program; see redis_exporter_port"
    if "bind: cannot assign requested address" in journal:
        return "the address it shall listen on is not one of this host; see redis_exporter_listen_address"
    if exit_status in EXIT_STATUS:
        return "%s (exit status %d)" % (EXIT_STATUS[exit_status], exit_status)
    if result in ("signal", "core-dump"):
        if exit_status == 31:
            return "its system call filter stopped it (SIGSYS); report the kernel and the version"
        return "a signal ended it (%d)" % exit_status
    return "it ended (result %s, exit status %d); see journalctl --unit on the host" % (result, exit_status)
