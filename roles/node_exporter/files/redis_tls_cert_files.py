# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Until when certificate files are valid, for the textfile collector of node_exporter.

    redis_tls_cert_files.py --node NAME [--output FILE] USAGE=PATH ...

One file that cannot be read or parsed fails the whole run, and the output stays as it was.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import calendar
import os
import re
import sys
import tempfile
import time

METRIC = "redis_tls_cert_file_not_after_timestamp_seconds"
MISSING = b"missing"  # what the unit hands over in place of a file that is not there
# OpenSSL, and so Redis, takes all three.
PEM = re.compile(rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----(.*?)-----END \1-----", re.DOTALL)
SEQUENCE, VERSION, UTC_TIME, GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18


class Problem(Exception):
    """One line for the journal."""


def element(der, position):
    """The ASN.1 element at a position: its tag, and where its content begins and ends."""
    tag, length = der[position], der[position + 1]
    position += 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(der[position : position + size], "big")
        position += size
    if position + length > len(der):
        raise ValueError("it ends too early")
    return tag, position, position + length


def not_after(der):
    """Certificate { tbsCertificate { [version], serial, algorithm, issuer, validity { notBefore, notAfter }, ... } }"""
    position = 0
    for _layer in ("Certificate", "tbsCertificate"):
        tag, position, _end = element(der, position)
        if tag != SEQUENCE:
            raise ValueError("it is no certificate")
    tag, _begin, end = element(der, position)
    if tag == VERSION:
        position = end
    for _field in ("serial", "algorithm", "issuer"):
        position = element(der, position)[2]
    tag, position, _end = element(der, position)
    if tag != SEQUENCE:
        raise ValueError("it is no certificate")
    tag, begin, end = element(der, element(der, position)[2])
    text = der[begin:end].decode("ascii")
    if tag == UTC_TIME:
        text = ("20" if text < "50" else "19") + text
    elif tag != GENERALIZED_TIME:
        raise ValueError("it is no certificate")
    return calendar.timegm(time.strptime(text, "%Y%m%d%H%M%SZ"))


def earliest(path, content):
    """End of validity of the certificate in a PEM text that ends first."""
    if content.strip() == MISSING:
        raise Problem(f"{path} does not exist")
    blocks = PEM.findall(content)
    if not blocks:
        raise Problem(f"{path} holds no PEM certificate")
    try:
        return min(not_after(base64.b64decode(block)) for _label, block in blocks)
    except (ValueError, IndexError, binascii.Error):
        raise Problem(f"{path} holds a damaged PEM certificate") from None


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
    lines, problems = [], []
    for number, (usage, path) in enumerate(files):
        try:
            end = earliest(path, read(os.path.join(directory, f"cert-{number}") if directory else path))
        except Problem as problem:
            problems.append(str(problem))
        else:
            lines.append(f"{METRIC}{{path={quoted(path)},node={quoted(node)},usage={quoted(usage)}}} {end}\n")
    if problems:
        raise Problem("; ".join(problems))
    return f"# HELP {METRIC} End of validity.\n# TYPE {METRIC} gauge\n" + "".join(lines)


def write(path, text):
    """In one step: node_exporter sees the old file or the new one."""
    handle, temporary = tempfile.mkstemp(prefix=".", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(text)
            os.fchmod(stream.fileno(), 0o644)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


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
            write(given.output, text)
        else:
            sys.stdout.write(text)
    except Problem as problem:
        return f"error: {problem}"
    except OSError as err:
        return f"error: {err.filename or given.output} cannot be written: {err.strerror}"
    return 0


if __name__ == "__main__":
    sys.exit(main())
