# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: who may read them, and what certificates say. Private."""

from __future__ import annotations

import contextlib
import glob
import grp
import itertools
import os
import pwd
import stat

from .. import _certificate, _tls
from .._text import one_line

MOST_FILES = 5000  # of a data directory are looked at


def access(path, user=""):
    """Every directory above a file and the file itself, and where the user is stopped (root never is)."""
    steps, stopped = [], None
    ids = user_ids(user)
    parts = os.path.abspath(path).split(os.sep)
    for number in range(1, len(parts) + 1):
        step = os.sep.join(parts[:number]) or os.sep
        try:
            about = os.stat(step)
        except OSError as err:
            return {"steps": steps, "missing": step, "error": err.strerror, "stopped_at": stopped}
        needs = 0o1 if stat.S_ISDIR(about.st_mode) else 0o4
        steps.append(dict(described(about), path=step))
        if stopped is None and ids is not None and not may(about, ids, needs):
            stopped = step
    return {"steps": steps, "missing": None, "error": None, "stopped_at": stopped}


def user_ids(user):
    """(uid, gids); None for root and for users that systemd makes, who read through credentials."""
    if user in ("", "root"):
        return None
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return None
    return entry.pw_uid, {entry.pw_gid} | {one.gr_gid for one in grp.getgrall() if user in one.gr_mem}


def may(about, ids, needs):
    if about.st_uid == ids[0]:
        return about.st_mode >> 6 & needs == needs
    if about.st_gid in ids[1]:
        return about.st_mode >> 3 & needs == needs
    return about.st_mode & needs == needs


def data(directory, patterns, user=""):
    """A service's data directory, and what of it its user may not change: the first three, and how many.

    A user that systemd makes is the owner of the directory. Where that is root, systemd gives it all to the user at the
    next start; what lies below an owner that is right it leaves as it is.
    """
    real = os.path.realpath(directory)
    static = user_ids(user)
    found, foreign = {"path": real, "user": user, "dynamic": static is None}, []
    with contextlib.suppress(OSError):
        top = os.stat(real)
        ids = static or (top.st_uid, {top.st_gid})
        inside = (path for pattern in patterns for path in glob.iglob(os.path.join(glob.escape(real), pattern)))
        for path in itertools.chain([real], itertools.islice(inside, MOST_FILES)) if ids[0] else ():
            with contextlib.suppress(OSError):  # it was deleted in between
                about = os.stat(path)
                needs = 0o7 if stat.S_ISDIR(about.st_mode) else 0o6
                if not may(about, ids, needs) and os.path.basename(path) != "lost+found":
                    foreign.append(dict(described(about), path=path))
    return dict(found, foreign=foreign[:3], count=len(foreign))


def described(about):
    return {
        "mode": "%04o" % stat.S_IMODE(about.st_mode),
        "owner": name_of(pwd.getpwuid, about.st_uid),
        "group": name_of(grp.getgrgid, about.st_gid),
    }


def name_of(look_up, number):
    try:
        return look_up(number)[0]
    except KeyError:
        return str(number)


def certificate(path, key_path="", user=""):
    """A certificate file: its fields, whether its key belongs to it, and who may read both."""
    found = {"path": path, "key_path": key_path, "way": access(path, user)}
    try:
        found.update(describe(_certificate.decode_pem(_tls.first_pem(path))))
        if key_path:
            found["key_way"] = access(key_path, user)
            _tls.check_pair(path, key_path, "")
    except (_tls.FileProblem, ValueError, OSError) as err:
        found["problem"] = one_line(err, 500).lstrip(": ")
    return found


def authority(path, user="", issuers=()):
    """A CA file: the fields of the authority in it that is used, by the issuers of other certificates."""
    found = {"path": path, "way": access(path, user)}
    try:
        found.update(describe(_certificate.authority_in_use(_tls.check_ca(path, ""), issuers)))
    except (_tls.FileProblem, OSError) as err:
        found["problem"] = one_line(err, 500).lstrip(": ")
    return found


def describe(certificate):
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "sans": certificate.sans,
        "not_before": certificate.not_before,
        "not_after": certificate.not_after,
        "days_left": round(certificate.days_left(), 2),
    }


def handed_over(credentials):
    """The files that systemd hands to a service, by their names there: certificates are read, others only found."""
    found = {}
    for name, path in sorted(credentials.items()):
        if name.endswith("ca.crt"):
            found[name] = authority(path)
        elif name.endswith(".crt"):
            found[name] = certificate(path, credentials.get(name[:-4] + ".key", ""))
        elif not name.endswith(".key") or name[:-4] + ".crt" not in credentials:
            found[name] = {"path": path, "way": access(path)}
            if not found[name]["way"]["missing"] and not os.path.getsize(path):
                found[name]["problem"] = "%s is empty" % path
    return found
