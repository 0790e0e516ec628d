# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Release archives: fetched, verified and unpacked. Private to this collection.

From top to bottom: names and URLs, HTTP, checksums, files, programs, archives, the source of a release.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import http.client
import lzma
import os
import posixpath
import re
import ssl
import stat
import struct
import sys
import tarfile
import urllib.error
import zipfile
import zlib
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from ansible.module_utils.urls import open_url

CHUNK = 1 << 20
# Bounds against servers and archives that never end; upstream's largest programs are a tenth of these.
MAX_CHECKSUM_FILE = 4 << 20
MAX_ARCHIVE = 4 << 30
MAX_PROGRAM = 2 << 30
MAX_UNPACKED = 16 << 30
MAX_MEMBERS = 200000
MAX_REDIRECTS = 10

MODE = 0o755  # of directories and programs

FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+~@-]*\Z")
SHA256 = re.compile(r"[0-9a-fA-F]{64}\Z")
CHECKSUM_LINE = re.compile(r"\s*\\?(?P<digest>[0-9A-Fa-f]{32,})\s+\*?(?P<name>\S.*?)\s*\Z")
CHECKSUM_LINE_BSD = re.compile(
    r"\s*(?P<kind>[A-Za-z0-9/-]+)\s*\((?P<name>.+)\)\s*=\s*(?P<digest>[0-9A-Fa-f]{32,})\s*\Z"
)


def one_line(text):
    return "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))


class ReleaseError(Exception):
    """What is wrong, why, and what cures it: one printable line."""

    def __init__(self, message):
        super().__init__(one_line(message))


def reason(err):
    return str(getattr(err, "strerror", None) or err) or type(err).__name__


# ---------------------------------------------------------------------------------------------- names and URLs


def check_name(option, value):
    """Names become path components, so they hold nothing that a path treats specially."""
    if not FILE_NAME.match(value):
        raise ReleaseError(
            f"{option} {value!r} cannot be used as a file name: write letters, digits and _ . + ~ @ - only, beginning "
            "with a letter, a digit or _"
        )


def mask_url(url):
    """The URL as it may be printed: without user, password and query, where signed links carry their token."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "****"
    dummy, at, host = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, f"****@{host}" if at else host, parts.path, "****" if parts.query else "", ""))


def is_url(value):
    return "://" in value


def check_url(what, url):
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise ReleaseError(
            f"{what} {mask_url(url)} cannot be fetched: write http:// or https:// and a host name, special characters "
            "percent-encoded; the option for a file on the managed host is src"
        )


def origin(url):
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]


# -------------------------------------------------------------------------------------------------------- HTTP


class Http:
    """GET with the options of ansible.builtin.get_url; credentials and headers go to one origin only."""

    def __init__(self, params, credentials_for):
        self.params = params
        self.credentials_for = origin(credentials_for)
        self.headers = {str(name): str(value) for name, value in (params["headers"] or {}).items()}
        if any(not text.isprintable() for text in (*self.headers, *self.headers.values())):
            raise ReleaseError("headers hold a line break or another control character: remove it")
        if params["timeout"] < 1:
            raise ReleaseError(f"timeout {params['timeout']} is too small: give at least 1 second")

    def chunks(self, url, limit):
        """The body of url, piece by piece; an error when it is longer than limit or shorter than announced."""
        received = 0
        with contextlib.closing(self._open(url)) as answer:
            announced = answer.headers.get("Content-Length") or ""
            while True:
                try:
                    chunk = answer.read(CHUNK)
                except (OSError, http.client.HTTPException) as err:
                    raise ReleaseError(
                        f"the download of {mask_url(url)} broke off after {received} bytes ({reason(err)}): check the "
                        "network and the server, then run again"
                    ) from err
                received += len(chunk)
                if received > limit:
                    raise ReleaseError(
                        f"{mask_url(url)} is larger than {limit} bytes, which no such file is: check the URL"
                    )
                if not chunk:
                    break
                yield chunk
        if announced.isdigit() and int(announced) != received:
            raise ReleaseError(
                f"the download of {mask_url(url)} is truncated, {received} of {announced} bytes came: check the server "
                "and any proxy on the way, then run again"
            )

    def _open(self, url):
        """The answer with status 200. Redirects are followed here, to judge where each one leads."""
        hop = url
        for _hop in range(MAX_REDIRECTS + 1):
            try:
                return self._get(hop)
            except urllib.error.HTTPError as err:
                location = err.headers.get("Location") if err.code in (301, 302, 303, 307, 308) else None
                err.close()
                if not location:
                    raise ReleaseError(self._refused(url, hop, err)) from err
            target = urljoin(hop, location.replace(" ", "%20"))
            check_url(f"{mask_url(hop)} redirects to", target)
            if urlsplit(hop).scheme == "https" and urlsplit(target).scheme == "http":
                raise ReleaseError(
                    f"{mask_url(hop)} redirects to {mask_url(target)}, from https to plain http, which is refused: "
                    "give a URL that stays on https"
                )
            hop = target
        raise ReleaseError(f"{mask_url(url)} redirects more than {MAX_REDIRECTS} times: check the URL and the server")

    def _get(self, url):
        params = self.params
        parts = urlsplit(url)
        user, password, headers = None, None, {}
        if origin(url) == self.credentials_for:
            user, password, headers = params["url_username"], params["url_password"], self.headers
        credentials, dummy, host = parts.netloc.rpartition("@")
        if credentials and not user:
            user, dummy, password = (unquote(part) for part in credentials.partition(":"))
        for option in ("ca_path", "client_cert", "client_key"):
            if params[option] and not os.path.exists(params[option]):
                raise ReleaseError(f"{option} {params[option]} does not exist on the managed host: put it there first")
        try:
            return open_url(
                urlunsplit(parts._replace(netloc=host)),
                headers=headers,
                http_agent="ansible-httpget",  # as get_url; some servers refuse Python's own
                timeout=params["timeout"],
                url_username=user,
                url_password=password,
                force_basic_auth=params["force_basic_auth"],
                validate_certs=params["validate_certs"],
                ca_path=params["ca_path"],
                client_cert=params["client_cert"],
                client_key=params["client_key"],
                use_proxy=params["use_proxy"],
                use_netrc=False,
                decompress=False,  # digests are those of the bytes that lie on the server
                follow_redirects="no",
            )
        except urllib.error.HTTPError:
            raise
        except (OSError, http.client.HTTPException, ValueError) as err:
            cause = err.reason if isinstance(err, urllib.error.URLError) else err
            cure = "check the address, the network, the firewall and the proxy settings"
            if isinstance(cause, ssl.SSLError):
                cure = "give the server's CA as ca_path, and use a host name that the certificate holds"
            raise ReleaseError(f"cannot reach {mask_url(url)} ({reason(cause)}): {cure}") from err

    @staticmethod
    def _refused(url, hop, err):
        via = "" if hop == url else f", after a redirect to {mask_url(hop)}"
        cure = {
            401: "set url_username and url_password, or headers",
            403: "check the credentials and the rights on the server",
            404: "check the version, the architecture and the layout of the mirror",
            407: "check the credentials of the proxy",
        }.get(err.code, "check the server, then run again")
        return f"{mask_url(url)} answered {err.code} {err.reason}{via}: {cure}"


# --------------------------------------------------------------------------------------------------- checksums


class Checksum:
    """The option checksum: the digest itself, or where to look it up."""

    def __init__(self, value):
        self.digest = None
        self.location = None
        if not value:
            return
        match = re.match(r"(\w+):(?!//)", value)
        if match and match.group(1).lower() != "sha256":
            raise ReleaseError(f"checksum {match.group(1)}: is not supported: write sha256:<64 hex digits>")
        rest = value[match.end() :] if match else value
        if match and SHA256.match(rest):
            self.digest = rest.lower()
        elif is_url(rest) or rest.startswith("/"):
            self.location = rest
            if is_url(rest):
                check_url("checksum", rest)
        else:
            raise ReleaseError(
                "checksum is neither sha256:<64 hex digits> nor the URL or absolute path of a checksum file: correct it"
            )

    def __str__(self):
        if self.digest:
            return "the option checksum"
        return mask_url(self.location) if is_url(self.location) else self.location

    def resolve(self, archive, http_client):
        """The sha256 that archive must have."""
        if self.digest:
            return self.digest
        if is_url(self.location):
            content = b"".join(http_client.chunks(self.location, MAX_CHECKSUM_FILE))
        else:
            try:
                with open(self.location, "rb") as handle:
                    content = handle.read(MAX_CHECKSUM_FILE)
            except (OSError, ValueError) as err:
                raise ReleaseError(
                    f"cannot read the checksum file {self.location} ({reason(err)}): put it on the managed host first"
                ) from err
        return listed_digest(archive, content.decode("utf-8-sig", "replace"), str(self))


def listed_digest(archive, text, source):
    """The sha256 of archive by a checksum file: HASH  NAME, HASH *NAME or SHA256 (NAME) = HASH.

    A file called after the archive (ARCHIVE.sha256) may hold the digest alone.
    """
    digests, others = set(), 0
    for line in text.splitlines():
        match = CHECKSUM_LINE.match(line) or CHECKSUM_LINE_BSD.match(line)
        if match and posixpath.basename(match.group("name")) == archive:
            kind = match.groupdict().get("kind", "SHA256").upper()
            if kind in ("SHA256", "SHA2-256") and SHA256.match(match.group("digest")):
                digests.add(match.group("digest").lower())
            else:
                others += 1
    alone = text.strip()
    if SHA256.match(alone) and posixpath.basename(urlsplit(source).path).startswith(archive):
        digests.add(alone.lower())
    if len(digests) == 1:
        return digests.pop()
    if digests:
        raise ReleaseError(f"the checksum file {source} lists {archive} with different digests: give sha256:<hex>")
    if others:
        raise ReleaseError(f"the checksum file {source} lists {archive}, but not by sha256: give a file that does")
    raise ReleaseError(f"the checksum file {source} does not list {archive}: check that both are of one release")


# ------------------------------------------------------------------------------------------------------- files


def owner():
    """Who owns what is installed: root, or the user who runs the module without being root."""
    return (0, 0) if os.geteuid() == 0 else (os.geteuid(), os.getegid())


def write_file(path, chunks, mode, limit):
    """Writes and syncs a new file; returns its sha256 and size."""
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as out:
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            if size > limit:
                raise ReleaseError(f"{os.path.basename(path)} is larger than {limit} bytes: this is no release")
            out.write(chunk)
        out.flush()
        os.fchown(out.fileno(), *owner())
        os.fchmod(out.fileno(), mode)
        os.fsync(out.fileno())
    return {"sha256": digest.hexdigest(), "size": size}


def file_chunks(path):
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as handle:
        yield from iter(lambda: handle.read(CHUNK), b"")


# ---------------------------------------------------------------------------------------------------- programs

# Names as in Go's GOARCH and in the names of release archives; machines by (e_machine, 64 bit, little endian).
ELF_MACHINES = {
    (3, False, True): "386",
    (8, False, False): "mips",
    (8, False, True): "mipsle",
    (8, True, False): "mips64",
    (8, True, True): "mips64le",
    (21, True, False): "ppc64",
    (21, True, True): "ppc64le",
    (22, True, False): "s390x",
    (40, False, True): "arm",
    (62, True, True): "amd64",
    (183, True, True): "arm64",
    (243, True, True): "riscv64",
    (258, True, True): "loong64",
}
HOST_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "loongarch64": "loong64"}


def host_architecture():
    machine = os.uname().machine
    if re.match(r"i[3-6]86$", machine):
        return "386"
    if machine.startswith("armv"):
        return "arm"
    if machine in ("mips", "mips64") and sys.byteorder == "little":
        return machine + "le"
    return HOST_MACHINES.get(machine, machine)


def check_program(path, archive):
    """An error unless the file is a program for this host."""
    name = os.path.basename(path)
    with open(path, "rb") as handle:
        head = handle.read(20)
    if not head:
        raise ReleaseError(f"{name} in {archive} is empty: get the archive again, or another release")
    if head[:4] != b"\x7fELF" or len(head) < 20 or head[4] not in (1, 2) or head[5] not in (1, 2):
        raise ReleaseError(
            f"{name} in {archive} is not a Linux program (ELF), it begins with {head[:8]!r}: give the archive for Linux"
        )
    little = head[5] == 1
    kind, machine = struct.unpack("<HH" if little else ">HH", head[16:20])
    if kind not in (2, 3):
        raise ReleaseError(f"{name} in {archive} is an object file, not a program: correct binaries")
    built_for = ELF_MACHINES.get((machine, head[4] == 2, little), f"ELF machine {machine}")
    if built_for != host_architecture():
        raise ReleaseError(
            f"{name} in {archive} is built for {built_for}, this host is {host_architecture()}: give the archive for "
            f"{host_architecture()}"
        )


# ---------------------------------------------------------------------------------------------------- archives

SPECIAL = "device node or other special file"
# What Python's readers raise on damaged or foreign input, besides OSError without a number.
READ_ERRORS = (
    EOFError,
    OverflowError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


class Member:
    """One entry of an archive, alike for tar and zip."""

    def __init__(self, path, kind, link="", reader=None):
        self.path = path
        self.kind = kind  # file, directory, symbolic link, hard link or SPECIAL
        self.link = link
        self.reader = reader
        self.name = posixpath.basename(path)

    def fault(self):
        """Nothing is ever written under a path from the archive; one that tries deserves no trust all the same."""
        target = {
            "symbolic link": posixpath.normpath(posixpath.join(posixpath.dirname(self.path), self.link)),
            "hard link": self.link,
        }.get(self.kind, "")
        if any(path.startswith("/") or ".." in path.split("/") for path in (self.path, target)):
            return "leads out of the archive"
        return "has no place in a release" if self.kind == SPECIAL else None

    def __str__(self):
        return f"{self.kind} {self.path}" + (f" -> {self.link}" if self.link else "")


class Bounded:
    """A stream that ends with an error rather than never."""

    def __init__(self, stream, archive):
        self.stream = stream
        self.archive = archive
        self.left = MAX_UNPACKED

    def read(self, size):
        chunk = self.stream.read(min(size, CHUNK))
        self.left -= len(chunk)
        if self.left < 0:
            raise ReleaseError(f"{self.archive} unpacks to more than {MAX_UNPACKED} bytes: this is no release archive")
        return chunk

    def close(self):
        pass


def tar_members(stream, archive):
    with tarfile.open(fileobj=Bounded(stream, archive), mode="r|") as tar:
        for info in tar:
            if info.isdir():
                yield Member(info.name, "directory")
            elif info.isreg():
                yield Member(info.name, "file", reader=lambda info=info: tar.extractfile(info))
            elif info.issym():
                yield Member(info.name, "symbolic link", info.linkname)
            elif info.islnk():
                yield Member(info.name, "hard link", info.linkname)
            else:
                yield Member(info.name, SPECIAL)


def zip_members(handle):
    with zipfile.ZipFile(handle) as archive:
        for info in archive.infolist():
            path = info.filename.replace("\\", "/")
            mode = info.external_attr >> 16
            if path.endswith("/"):
                yield Member(path, "directory")
            elif stat.S_ISLNK(mode):
                with archive.open(info) as link:
                    yield Member(path, "symbolic link", link.read(4096).decode("utf-8", "replace"))
            elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                yield Member(path, "file", reader=lambda info=info: archive.open(info))
            else:
                yield Member(path, SPECIAL)


def members(handle, archive, wanted):
    """What an archive holds. Its first bytes tell the format, because names lie."""
    magic = handle.read(6)
    handle.seek(0)
    if magic[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        yield from zip_members(handle)
        return
    stream = handle
    for start, opener in ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open)):
        if magic.startswith(start):
            stream = opener(handle)
    head = stream.read(tarfile.BLOCKSIZE)
    stream.seek(0)
    if head[:4] == b"\x7fELF":
        if len(wanted) != 1:
            raise ReleaseError(f"{archive} is a single program: name one binary, not {', '.join(wanted)}")
        yield Member(wanted[0], "file", reader=lambda: Bounded(stream, archive))
    elif head[257:262] == b"ustar":
        yield from tar_members(stream, archive)
    else:
        raise ReleaseError(
            f"{archive} is neither a tar (plain, gz, xz or bz2) or zip archive nor a program, it begins with "
            f"{head[:16]!r}: give the release archive for Linux"
        )


def unpack(path, archive, wanted, directory):
    """Streams the wanted programs of an archive into directory; returns {name: {sha256, size}}."""
    programs, origins, others, count = {}, {}, [], 0
    try:
        with open(path, "rb") as handle:
            for member in members(handle, archive, wanted):
                count += 1
                if count > MAX_MEMBERS:
                    raise ReleaseError(f"{archive} holds more than {MAX_MEMBERS} files: this is no release archive")
                if member.fault():
                    raise ReleaseError(f"{archive} is not safe, its {member} {member.fault()}: get it from its author")
                if member.kind == "directory":
                    continue
                if member.name not in wanted:
                    others.append(member.path)
                elif member.kind != "file":
                    raise ReleaseError(f"{archive} holds a {member}: name the file that it leads to in binaries")
                elif member.name in programs:
                    raise ReleaseError(
                        f"{archive} holds two files called {member.name} ({origins[member.name]} and {member.path}), "
                        "so which one to install is open: use an archive with one of them"
                    )
                else:
                    origins[member.name] = member.path
                    with contextlib.closing(member.reader()) as stream:
                        chunks = iter(lambda stream=stream: stream.read(CHUNK), b"")
                        target = os.path.join(directory, member.name)
                        programs[member.name] = write_file(target, chunks, MODE, MAX_PROGRAM)
    except (OSError, *READ_ERRORS) as err:
        if isinstance(err, OSError) and err.errno is not None:
            raise  # the disk, not the archive
        raise ReleaseError(f"{archive} cannot be read ({reason(err)}): it is damaged, get it again") from err
    missing = [name for name in wanted if name not in programs]
    if missing:
        shown = ", ".join(others[:12]) + (f" and {len(others) - 12} more" if len(others) > 12 else "")
        raise ReleaseError(
            f"{archive} does not hold {', '.join(missing)}: correct binaries; it holds {shown or 'nothing'}"
        )
    return programs


# ------------------------------------------------------------------------------------------------------ source


class Source:
    """Where a release comes from, and the proof that it is the right one."""

    def __init__(self, params):
        self.url = params["url"]
        self.src = params["src"]
        self.checksum = Checksum(params["checksum"])
        self.archive = None
        self.http = None
        if self.url:
            check_url("url", self.url)
            self.archive = unquote(posixpath.basename(urlsplit(self.url).path))
        elif self.src:
            self.archive = os.path.basename(self.src)
        if self.archive == "":
            raise ReleaseError(f"{self} does not end in a file name: give the archive itself")
        for location in (self.url, self.checksum.location):
            if location and is_url(location) and not self.http:
                self.http = Http(params, location)

    def __str__(self):
        return mask_url(self.url) if self.url else self.src

    def require(self):
        if not self.archive:
            raise ReleaseError(
                "neither url nor src is given and this version is not installed intact: give one of them"
            )
        if not self.checksum.digest and not self.checksum.location:
            raise ReleaseError(
                "checksum is not given and this version is not installed intact: give sha256:<hex>, or the URL or path "
                f"of a checksum file that lists {self.archive}"
            )

    def fetch(self, path):
        """Puts the verified archive at path and returns its sha256."""
        expected = self.checksum.resolve(self.archive, self.http)
        if self.url:
            got = write_file(path, self.http.chunks(self.url, MAX_ARCHIVE), 0o600, MAX_ARCHIVE)
        else:
            # A copy, so that what was verified and what is unpacked are the same bytes.
            got = write_file(path, self._src_chunks(), 0o600, MAX_ARCHIVE)
        if got["sha256"] != expected:
            with open(path, "rb") as handle:
                page = handle.read(512).lstrip().lower().startswith((b"<!doctype", b"<html"))
            raise ReleaseError(
                f"checksum mismatch, {self} ({got['size']} bytes) is sha256:{got['sha256']} but {self.checksum} says "
                f"sha256:{expected}: "
                + (
                    "it is a web page, not an archive, so check for a login or proxy page at that address"
                    if page
                    else "the archive is damaged, altered or another one; get it again or correct checksum"
                )
            )
        return expected

    def _src_chunks(self):
        try:
            with open(self.src, "rb") as handle:
                yield from iter(lambda: handle.read(CHUNK), b"")
        except (OSError, ValueError) as err:
            raise ReleaseError(f"cannot read src {self.src} ({reason(err)}): put it on the managed host first") from err
