# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Until when certificate files are valid, for the textfile collector of node_exporter.

    redis_tls_cert_files.py --node NAME [--output FILE] USAGE=PATH ...

In a file with the usage ca the certificates are alternatives: the end of the one that signed another file counts, else
the last. Of other files it is the earliest end, without authorities that a file with the usage ca has as well.

One file that cannot be read or parsed fails the whole run, and the output stays as it was.
"""

from __future__ import annotations

import argparse
import os
import sys

# Installed beside this file
from _certificate import authority_in_use, decode_pem, split_pem
from _files import write_atomically

METRIC = "redis_tls_cert_file_not_after_timestamp_seconds"
MISSING = b"missing"  # what the unit hands over in place of a file that is not there


class Problem(Exception):
    """One line for the journal."""


def certificates(path, content):
    """Those in a PEM text."""
    if content.strip() == MISSING:
        raise Problem(f"{path} does not exist")
    blocks = split_pem(content.decode("utf-8", "replace"))
    if not blocks:
        raise Problem(f"{path} holds no PEM certificate")
    try:
        return [decode_pem(block) for block in blocks]
    except ValueError:
        raise Problem(f"{path} holds a damaged PEM certificate") from None


def ends(files):
    """End of validity of each file, given as (usage, certificates)."""
    trusted = {one.subject for usage, found in files if usage == "ca" for one in found}
    issuers = {one.issuer for usage, found in files if usage != "ca" for one in found}
    for usage, found in files:
        if usage == "ca":
            yield authority_in_use(found, issuers).not_after
        else:  # a server may send a root along, signed by an older one that ends earlier: nobody needs it
            needed = [one for one in found[1:] if not (one.is_ca and one.subject in trusted)]
            yield min(one.not_after for one in [found[0], *needed])


def read(path):
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except FileNotFoundError:
        return MISSING
    except OSError as err:
        raise Problem(f"{path} cannot be read: {err.strerror}") from None


def quoted(value):
    return '"' + value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") + '"'


def metrics(node, files, directory):
    """The text of the output; with a directory the certificates are its files cert-0, cert-1, ..."""
    found, problems = [], []
    for number, (usage, path) in enumerate(files):
        try:
            content = read(os.path.join(directory, f"cert-{number}") if directory else path)
            found.append((usage, certificates(path, content)))
        except Problem as problem:
            problems.append(str(problem))
    if problems:
        raise Problem("; ".join(problems))
    lines = [f"# HELP {METRIC} End of validity.", f"# TYPE {METRIC} gauge"]
    for (usage, path), end in zip(files, ends(found)):
        lines.append(f"{METRIC}{{path={quoted(path)},node={quoted(node)},usage={quoted(usage)}}} {end}")
    return "\n".join(lines) + "\n"


def usage_and_path(text):
    usage, separator, path = text.partition("=")
    if not (separator and usage and path):
        raise argparse.ArgumentTypeError(f"{text} is not USAGE=PATH")
    return usage, path


def main():
    parser = argparse.ArgumentParser(description="Writes until when certificate files are valid.")
    parser.add_argument("--node", required=True, help="value of the label node")
    parser.add_argument("--output", help="file to write, else standard output")
    parser.add_argument("--credentials", help="directory with the files as systemd hands them over")
    parser.add_argument("files", nargs="+", type=usage_and_path, metavar="USAGE=PATH")
    given = parser.parse_args()
    try:
        text = metrics(given.node, given.files, given.credentials)
        if given.output:
            write_atomically(given.output, text.encode("utf-8", "surrogateescape"), 0o644)
        else:
            sys.stdout.write(text)
    except Problem as problem:
        return f"error: {problem}"
    except OSError as err:
        return f"error: {err.filename or given.output} cannot be written: {err.strerror}"
    return 0


if __name__ == "__main__":
    sys.exit(main())
