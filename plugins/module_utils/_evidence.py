# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be seen of a host without changing it: units, processes, sockets, files, disks, memory, clock, HTTP answers.

Every probe returns plain data, never a judgement, and never longer than its timeout. Standard library only. Private.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import grp
import hashlib
import http.client
import os
import pwd
import re
import shutil
import socket
import ssl
import stat
import subprocess
import threading
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from ansible_collections.redisops.monitoring.plugins.module_utils import _certificate, _systemd, _tls
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.address import kernel_address
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.ending import why_ended

UNIT_PROPERTIES = _systemd.PROPERTIES + ("Id", "User", "ExecStart", "ExecMainCode")
MARKER = "redisops.monitoring"  # in every file that the roles write
JOURNAL_LINES = 12
SETTLE_SECONDS, YOUNG_SECONDS = 4.0, 2.5  # how long a unit that restarts is watched
FILL_PERCENT = 85  # from here on what fills a disk is worth a look


# ------------------------------------------------------------------------------------------------- running probes


def gather(probes, seconds):
    """Results of all probes by name, run side by side. One that breaks or hangs says so in its place."""
    results = {}

    def run(name, probe):
        try:
            found = probe()
        except Exception as err:  # a probe that breaks must not cost what the others found
            found = {"problem": "%s: %s" % (type(err).__name__, one_line(err))}
        results[name] = found

    deadline = time.monotonic() + seconds
    # Daemons: what still hangs at the deadline ends with the process.
    threads = [threading.Thread(target=run, args=item, daemon=True) for item in probes.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    done = dict(results)
    for name in probes:
        done.setdefault(name, {"problem": "no result within %d s" % seconds})
    return done


def command(argv, seconds=5):
    """(rc, output) of a program; rc None when it is not there or does not end in time."""
    program = shutil.which(argv[0], path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin")
    if not program:
        return None, ""
    try:
        done = subprocess.run(
            [program] + argv[1:],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            env=dict(os.environ, LC_ALL="C", SYSTEMD_PAGER=""),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None, ""
    return done.returncode, done.stdout.decode("utf-8", "replace")


def one_line(text):
    return " ".join(str(text).split())[:500]


class Mask:
    """Takes secrets out of text: the ones that are known, and whatever looks like one."""

    PATTERNS = (
        (re.compile(r'(\(default ")[^"]*("\))'), r"\1********\2"),  # usage texts of Go programs show values
        (re.compile(r"(://[^/\s:@]*:)[^/\s@]+(@)"), r"\1********\2"),
        (re.compile(r"(authorization[\"']?\s*[:=]\s*)\S+( \S+)?", re.I), r"\1********"),
        (
            re.compile(
                r"((?:password|passwd|passphrase|secret|token|api_?key)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;}]+", re.I
            ),
            r"\1********",
        ),
        (re.compile(r"\b(requirepass|masterauth|masteruser|--pass) +\S+"), r"\1 ********"),
        (re.compile(r"(#)[0-9a-f]{64}\b"), r"\1********"),
        (re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}"), "********"),
    )

    def __init__(self, secrets):
        self.secrets = sorted({one for one in secrets if one and len(one) >= 4}, key=len, reverse=True)

    def known(self, text):
        for secret in self.secrets:
            text = text.replace(secret, "********")
        return text

    def text(self, text):
        text = self.known(text)
        for pattern, instead in self.PATTERNS:
            text = pattern.sub(instead, text)
        return text

    def argument(self, word):
        """One word of a command line."""
        name, sep, value = word.partition("=")
        if sep and re.search(r"pass(word)?$|token$|secret$", name) and value:
            return name + "=********"
        return self.known(re.sub(r"(://[^/\s:@]*:)[^/\s@]+(@)", r"\1********\2", word))

    def data(self, data):
        """Known secrets in any structure: the last net, for texts that came from elsewhere."""
        if isinstance(data, str):
            return self.known(data)
        if isinstance(data, dict):
            return {key: self.data(value) for key, value in data.items()}
        if isinstance(data, list):
            return [self.data(value) for value in data]
        return data


# --------------------------------------------------------------------------------------------------------- the host


def host():
    memory = {}
    with contextlib.suppress(OSError), open("/proc/meminfo", encoding="ascii") as handle:
        for line in handle:
            name, _sep, value = line.partition(":")
            memory[name] = int(value.split()[0]) * 1024
    total, available = memory.get("MemTotal", 0), memory.get("MemAvailable", 0)
    found = {
        "hostname": socket.gethostname(),
        "time": time.time(),
        "clock_synchronized": clock_synchronized(),
        "memory": {"total": total, "available": available},
    }
    if total and available < total / 10:
        found["memory"]["largest"] = largest_processes()
    return found


def clock_synchronized():
    """Whether the kernel knows of a time server; None when it does not say."""
    try:
        # A struct timex with modes = 0 only reads; 5 is TIME_ERROR: the clock is not synchronized.
        return ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) != 5
    except (OSError, AttributeError):
        return None


def largest_processes():
    page, found = os.sysconf("SC_PAGE_SIZE"), []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open("/proc/%s/statm" % pid, encoding="ascii") as handle:
                size = int(handle.read().split()[1]) * page
            with open("/proc/%s/comm" % pid, encoding="utf-8") as handle:
                found.append({"pid": int(pid), "program": handle.read().strip(), "bytes": size})
    return sorted(found, key=lambda one: -one["bytes"])[:3]


def disks(paths):
    """The file systems that hold these paths, each once."""
    found = {}
    mounts = mount_table()
    for path in paths:
        with contextlib.suppress(OSError):
            real = os.path.realpath(path)
            device = os.stat(real).st_dev
            if device in found:
                found[device]["paths"].append(path)
                continue
            size = os.statvfs(real)
            used, free = size.f_blocks - size.f_bfree, size.f_bavail
            if not size.f_blocks:
                continue
            mount = max((one for one in mounts if is_below(real, one)), key=len, default="/")
            kind, source = mounts.get(mount, ("", ""))
            entry = {
                "mount": mount,
                "type": kind,
                "device": source,
                "paths": [path],
                "size": size.f_blocks * size.f_frsize,
                "free": free * size.f_frsize,
                "used_percent": round(100.0 * used / max(1, used + free), 1),  # as df counts
                "inodes_percent": round(100.0 * (size.f_files - size.f_ffree) / size.f_files, 1) if size.f_files else 0,
                "read_only": bool(size.f_flag & os.ST_RDONLY),
            }
            if max(entry["used_percent"], entry["inodes_percent"]) >= FILL_PERCENT:
                entry["largest"] = largest_files(mount, device)
            found[device] = entry
    return list(found.values())


def mount_table():
    mounts = {}
    with contextlib.suppress(OSError), open("/proc/self/mountinfo", encoding="utf-8") as handle:
        for line in handle:
            left, _sep, right = line.partition(" - ")
            kind, source = right.split()[:2]
            mounts[left.split()[4].replace("\\040", " ")] = (kind, source)
    return mounts


def is_below(path, mount):
    return path == mount or path.startswith(mount.rstrip("/") + "/")


def largest_files(mount, device, seconds=2.0):
    deadline, found = time.monotonic() + seconds, []
    for directory, names, files in os.walk(mount):
        if time.monotonic() > deadline:
            break
        with contextlib.suppress(OSError):
            names[:] = [one for one in names if os.lstat(os.path.join(directory, one)).st_dev == device]
        for name in files:
            with contextlib.suppress(OSError):
                path = os.path.join(directory, name)
                found.append((os.lstat(path).st_blocks * 512, path))
        found = sorted(found, reverse=True)[:3]
    return [{"path": path, "bytes": size} for size, path in found]


def listening():
    """Every TCP socket that listens, with the program behind it."""
    rows = []
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), open("/proc/net/" + table, encoding="ascii") as handle:
            for line in list(handle)[1:]:
                fields = line.split()
                if fields[3] == "0A":
                    text, _colon, port = fields[1].partition(":")
                    rows.append((str(kernel_address(text)), int(port, 16), fields[9]))
    owners = socket_owners({inode for dummy, dummy2, inode in rows})
    found = []
    for address, port, inode in sorted(rows):
        pid, program = owners.get(inode, (0, ""))
        found.append({"address": address, "port": port, "pid": pid, "program": program})
    return found


def socket_owners(inodes):
    owners = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            for handle in os.listdir("/proc/%s/fd" % pid):
                with contextlib.suppress(OSError):
                    link = os.readlink("/proc/%s/fd/%s" % (pid, handle))
                    if link.startswith("socket:[") and link[8:-1] in inodes:
                        with open("/proc/%s/comm" % pid, encoding="utf-8") as comm:
                            owners[link[8:-1]] = (int(pid), comm.read().strip())
    return owners


def packet_filter():
    """Rules of this host that drop or reject packets, each with the command that takes it out. Root sees them."""
    rc, out = command(["nft", "-a", "list", "ruleset"], 3)
    if rc == 0:
        return nft_rules(out)
    found = []
    for program in ("iptables", "ip6tables"):
        rc, out = command([program + "-save"], 3)
        found += iptables_rules(program, out) if rc == 0 else []
    return found


def nft_rules(text):
    table = chain = hook = ""
    found = []
    for line in (raw.strip() for raw in text.splitlines()):
        opened = re.match(r"(table|chain) (.+?) \{", line)
        hooked = re.match(r"type filter hook (\w+) .*?(?:policy (\w+))?;?(?: #.*)?$", line)
        handle = re.search(r" # handle (\d+)$", line)
        if opened and opened.group(1) == "table":
            table = opened.group(2)
        elif opened:
            chain, hook = opened.group(2), ""
        elif hooked:
            hook = hooked.group(1)
            if hooked.group(2) == "drop":
                found.append({"rule": "%s %s: policy drop" % (table, chain), "hook": hook, "policy": True})
                found[-1]["let"] = "sudo nft insert rule %s %s" % (table, chain)
        elif handle and re.search(r"\b(drop|reject)\b", line):
            undo = "sudo nft delete rule %s %s handle %s" % (table, chain, handle.group(1))
            rule = "%s %s: %s" % (table, chain, line[: handle.start()])
            found.append({"rule": rule, "hook": hook, "undo": undo})
    return found[:40]


def iptables_rules(program, text):
    found, hooks = [], {"INPUT": "input", "OUTPUT": "output", "FORWARD": "forward"}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        policy = re.match(r":(INPUT|OUTPUT) DROP", line)
        rule = re.match(r"-A ((\S+) .*-j (?:DROP|REJECT)\b.*)", line)
        if table == "filter" and policy:
            chain = policy.group(1)
            found.append({"rule": "%s %s: policy DROP" % (program, chain), "hook": hooks[chain], "policy": True})
            found[-1]["let"] = "sudo %s -I %s" % (program, chain)
        elif rule:
            where = "" if table == "filter" else "-t %s " % table
            undo = "sudo %s %s-D %s" % (program, where, rule.group(1))
            found.append({"rule": line, "hook": hooks.get(rule.group(2), ""), "undo": undo})
    return found[:40]


def peers_of(ports):
    """Who holds how many connections to these ports of this host: all, and the three with most."""
    counted = {}
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), open("/proc/net/" + table, encoding="ascii") as handle:
            for line in list(handle)[1:]:
                fields = line.split()
                if fields[3] == "01" and int(fields[1].rpartition(":")[2], 16) in ports:
                    peer = str(kernel_address(fields[2].rpartition(":")[0]))
                    counted[peer] = counted.get(peer, 0) + 1
    most = sorted(counted.items(), key=lambda item: -item[1])[:3]
    return {
        "all": sum(counted.values()),
        "most": [{"address": address, "count": count} for address, count in most],
    }


def tcp(host_name, port, seconds=3):
    """Why no connection comes about; empty when one does. Sends nothing."""
    try:
        socket.create_connection((host_name, port), timeout=seconds).close()
        return ""
    except OSError as err:
        cause = connection_cause(err)[0]
        return "filtered" if cause == "timeout" else cause


def route_to(address):
    """Why this host's packets do not even leave for the address; empty when they do. Sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((address, 9))
            return ""
    except OSError as err:
        rc, out = command(["ip", "route", "get", address], 2)
        rc2, table = command(["ip", "route", "show", "type", "blackhole"], 2)
        routes = [line for line in table.splitlines() if rc2 == 0 and address in line]
        return one_line("%s %s" % (err.strerror, routes[0] if routes else out if rc is not None else ""))


# --------------------------------------------------------------------------------------------------------- services


def units(names, mask):
    """State of systemd units by name, with the reason in the journal where one is not well."""
    shown = show_units(names)
    deadline = time.monotonic() + SETTLE_SECONDS
    while shown and any(shaky(*item) for item in shown.items()) and time.monotonic() < deadline:
        time.sleep(0.3)  # between two starts of a crash loop a unit looks well, or without a reason
        shown = show_units(names)
    if shown is None:
        return {"problem": "systemctl does not answer"}
    return {name: unit(name, one, mask) for name, one in shown.items()}


def show_units(names):
    """The properties of units by name, in one question."""
    argv = ["systemctl", "--no-pager", "show", "--property=" + ",".join(UNIT_PROPERTIES), "--"]
    rc, out = command(argv + list(names))
    if rc is None:
        return None
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in out.split("\n\n")]
    return dict(zip(names, blocks))


def shaky(name, shown):
    """Whether a unit that was restarted is just being started, or is up for too short a time to count."""
    state = _systemd.parse_state(name, shown)
    if not state.restarts or not state.found:
        return False
    if state.active_state == "activating":
        return state.sub_state != "auto-restart"
    return state.active and state.started_at is not None and time.time() - state.started_at < YOUNG_SECONDS


def unit(name, shown, mask):
    state = _systemd.parse_state(name, shown)
    if not state.found:
        return {"found": False, "load_state": shown.get("LoadState", "")}
    files = [path for path in (state.fragment_path, *state.drop_in_paths) if path]
    texts = [_systemd.read_unit_file(path) for path in files]
    found = {
        "found": True,
        "active": state.active,
        "state": state.active_state,
        "sub_state": state.sub_state,
        "result": state.result,
        "exit_status": state.exit_status,
        "exited": shown.get("ExecMainCode", "") in ("1", "2", "3") and not state.active,
        "restarts": state.restarts,
        "enabled": state.enabled,
        "pid": state.main_pid,
        "user": shown.get("User", ""),
        # Only what somebody else put there: some roles change units of packages this way.
        "drop_ins": [path for path in state.drop_in_paths if MARKER not in _systemd.read_unit_file(path)],
        "managed": MARKER in "".join(texts[:1]),
        "need_daemon_reload": state.need_daemon_reload,
        "credentials": _systemd.credential_sources(texts),
        "started_at": state.started_at,
        "process": process(state.main_pid, mask) if state.main_pid else None,
    }
    found["exec_argv"] = planned_argv(shown.get("ExecStart", ""), mask)
    argv = found["process"]["argv"] if found["process"] and state.active else []
    found["argv"] = argv or found["exec_argv"]
    current = "/opt/%s/current" % name.rsplit(".", 1)[0]
    found["newer_than_process"] = _systemd.stale_inputs(None, name, [current], state)
    if not state.active or state.restarts:
        said = raw_journal(name)
        found["journal"] = journal(said, mask)
    if not state.active:
        found["reason"] = mask.text(why_ended(state.result, state.exit_status, said))
    return found


def planned_argv(shown, mask):
    found = re.search(r"argv\[\]=(.*?) ; ignore_errors=", shown)
    return [mask.argument(word) for word in found.group(1).split()] if found else []


def process(pid, mask):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as handle:
            state = handle.read().rpartition(")")[2].split()[0]
        with open("/proc/%d/cmdline" % pid, "rb") as handle:
            argv = handle.read().decode("utf-8", "replace").rstrip("\0").split("\0")
    except (OSError, IndexError):
        return None
    return {"pid": pid, "state": state, "argv": [mask.argument(word) for word in argv]}


def raw_journal(name, lines=400):  # a usage text alone is 130
    """What the last run of a unit that ended said, and systemd about it: earlier runs had other reasons."""
    argv = ["journalctl", "--unit", name, "--lines=%d" % lines, "--output=cat", "--no-pager", "--since=-1h"]
    rc, out = command(argv + ["--reverse"])  # with --since alone, some versions show the oldest lines
    return last_run("\n".join(reversed(out.splitlines()))) if rc == 0 else ""


def last_run(said):
    runs = re.split(r"^Starting .*$", said, flags=re.M)
    ended = [one for one in runs if re.search(r"process exited|Failed with result", one)]
    return (ended or runs)[-1]


def journal(said, mask):
    """The last lines that tell a reason. Usage texts are left out: they show the values of settings."""
    lines = [line for line in said.splitlines() if line.strip()]
    lines = [line for line in lines if not re.match(r"\s+(-|\S.*\(default )|\s*-{1,2}[\w.-]+ ", line)]
    return [mask.text(line)[:300] for line in lines[-JOURNAL_LINES:]]


def tail(path, mask, lines=JOURNAL_LINES):
    try:
        with open(path, "rb") as handle:
            handle.seek(max(0, os.fstat(handle.fileno()).st_size - 8192))
            text = handle.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [mask.text(line)[:300] for line in text.splitlines() if line.strip()][-lines:]


# ------------------------------------------------------------------------------------------------------------ files


def way(path, user=""):
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
        steps.append(
            {
                "path": step,
                "mode": "%04o" % stat.S_IMODE(about.st_mode),
                "owner": name_of(pwd.getpwuid, about.st_uid),
                "group": name_of(grp.getgrgid, about.st_gid),
            }
        )
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
        return bool(about.st_mode >> 6 & needs)
    if about.st_gid in ids[1]:
        return bool(about.st_mode >> 3 & needs)
    return bool(about.st_mode & needs)


def name_of(look_up, number):
    try:
        return look_up(number)[0]
    except KeyError:
        return str(number)


def certificate(path, key_path="", user=""):
    """A certificate file: what it says, whether its key belongs to it, and who may read both."""
    found = {"path": path, "key_path": key_path, "way": way(path, user)}
    try:
        shown = _certificate.decode_pem(_tls.first_pem(path))
        found.update(describe(shown))
        if key_path:
            found["key_way"] = way(key_path, user)
            _tls.check_pair(path, key_path, "")
    except (_tls.FileProblem, ValueError, ssl.SSLError, OSError) as err:
        found["problem"] = one_line(err).lstrip(": ")
    return found


def handed_over(credentials):
    """The files that systemd hands to a service, by their names there: certificates are read, others only found."""
    found = {}
    for name, path in sorted(credentials.items()):
        if name.endswith("ca.crt"):
            found[name] = authority(path)
        elif name.endswith(".crt"):
            found[name] = certificate(path, credentials.get(name[:-4] + ".key", ""))
        elif not name.endswith(".key") or name[:-4] + ".crt" not in credentials:
            found[name] = {"path": path, "way": way(path)}
            if not found[name]["way"]["missing"] and not os.path.getsize(path):
                found[name]["problem"] = "%s is empty" % path
    return found


def authority(path, user=""):
    found = {"path": path, "way": way(path, user)}
    try:
        found.update(describe(_tls.check_ca(path, "")[0]))
    except (_tls.FileProblem, OSError) as err:
        found["problem"] = one_line(err).lstrip(": ")
    return found


def describe(shown):
    return {
        "subject": shown.subject,
        "issuer": shown.issuer,
        "sans": shown.sans,
        "not_before": shown.not_before,
        "not_after": shown.not_after,
        "days_left": round(shown.days_left(), 2),
    }


def fingerprint_of(path):
    try:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(_tls.first_pem(path))).hexdigest()[:16]
    except (_tls.FileProblem, ValueError, OSError):
        return None


# ------------------------------------------------------------------------------------------------------------- HTTP


def shown_certificate(host_name, port, server_name="", seconds=3):
    """What a TLS server shows, whoever signed it; None where the handshake does not get that far."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((host_name, port), timeout=seconds) as raw, context.wrap_socket(
            raw, server_hostname=server_name or host_name
        ) as sock:
            der = sock.getpeercert(binary_form=True)
        return dict(describe(_certificate.decode_der(der)), fingerprint=hashlib.sha256(der).hexdigest()[:16])
    except (OSError, ValueError):
        return None


def get(url, seconds=5, ca_path="", cert="", key="", server_name="", user="", password="", token="", verify=True):
    """One GET. Always a dict: `status`, `body`, `skew` when it was answered, else `cause` and `error`."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    started = time.time()
    found = {"url": url, "answered": False}
    connection = None
    try:
        raw = socket.create_connection((parts.hostname, port), timeout=seconds)
        if parts.scheme == "https":
            raw.settimeout(seconds)
            raw = tls_context(ca_path, cert, key, verify).wrap_socket(
                raw, server_hostname=server_name or parts.hostname
            )
            if verify:
                found["not_after"] = ssl.cert_time_to_seconds(raw.getpeercert()["notAfter"])
        connection = http.client.HTTPConnection(parts.hostname, port, timeout=seconds)
        connection.sock = raw
        headers = {"User-Agent": "redisops.monitoring", "Accept": "application/json, text/plain"}
        if token:
            headers["Authorization"] = "Bearer " + token
        elif user:
            pair = "%s:%s" % (user, password)
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode("utf-8")).decode("ascii")
        path = (parts.path or "/") + ("?" + parts.query if parts.query else "")
        asked = time.time()
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        arrived = time.time()
        body = response.read(8 * 1024 * 1024).decode("utf-8", "replace")
        found.update(answered=True, status=response.status, body=body)
        skew = clock_skew(response.getheader("Date"), asked, arrived)
        if skew is not None:
            found["skew"] = skew
        if "HTTP request to an HTTPS server" in body and response.status == 400:
            found.update(answered=False, cause="https_only", error="it speaks HTTPS only")
    except Exception as err:
        cause, text = connection_cause(err)
        found.update(cause=cause, error=text)
        if cause == "timeout" and connection is None and not opens(parts.hostname, port):
            found["cause"] = "filtered"
        if cause in ("expired", "name_mismatch", "untrusted", "not_yet_valid", "tls"):
            found["shown"] = shown_certificate(parts.hostname, port, server_name)
    finally:
        if connection is not None:
            connection.close()
    found["seconds"] = round(time.time() - started, 3)
    return found


def opens(host_name, port, seconds=2):
    try:
        socket.create_connection((host_name, port), timeout=seconds).close()
        return True
    except OSError:
        return False


def tls_context(ca_path, cert, key, verify):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.hostname_checks_common_name = False
    if cert:
        context.load_cert_chain(cert, key or None)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca_path:
        context.load_verify_locations(cafile=ca_path)
    else:
        context.load_default_certs()
    return context


def clock_skew(date, asked, arrived):
    """How far the clock of the answering host is ahead, in seconds; the header counts whole ones."""
    try:
        theirs = parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return None
    if asked - 1 <= theirs <= arrived:
        return 0.0
    return round(theirs - arrived if theirs > arrived else theirs + 1 - asked, 1)


def connection_cause(err):
    if isinstance(err, ssl.SSLCertVerificationError):
        causes = {9: "not_yet_valid", 10: "expired", 62: "name_mismatch", 64: "name_mismatch"}
        return causes.get(err.verify_code, "untrusted"), one_line(err.verify_message)
    if isinstance(err, ssl.SSLError):
        reason = (err.reason or "handshake failed").replace("_", " ").lower()
        if "wrong version number" in reason or "http request" in reason or "record layer" in reason:
            return "http_only", "it answers plain HTTP"
        if "certificate required" in reason or "bad certificate" in reason or "unknown ca" in reason:
            return "client_certificate", "it refuses our client certificate (%s)" % reason
        return "tls", reason
    if isinstance(err, socket.timeout):
        return "timeout", "no answer in time"
    if isinstance(err, ConnectionRefusedError):
        return "refused", "connection refused: nothing listens there"
    if isinstance(err, socket.gaierror):
        return "name_unknown", "the name does not resolve"
    if isinstance(err, FileNotFoundError):
        return "file", "%s does not exist" % (err.filename or "a file it needs")
    if isinstance(err, OSError):
        return "unreachable", one_line(err.strerror or err)
    return "protocol", "%s: %s" % (type(err).__name__, one_line(err))
