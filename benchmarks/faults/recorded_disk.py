"""A disk as strace saw it: every write, flush and rename of a folder's files, and what a power cut may leave of them.

`record` turns a trace into operations; `Disk` does them one by one, and says after any of them in which states the
files can be found when the power is cut there:
- what was written to a file and not flushed since (fsync) is there, is missing, is zeros, or is there to the half;
- what was created, renamed or removed in a folder and not flushed since (fsync of the folder) is done or not: none of
  these changes, all, the first few, or any single one.
A change of names is never half done, and a flush keeps its promise: file systems and disks that break either are none
of this.
"""

import hashlib
import re
from collections import namedtuple

CALLS = (
    *(
        "openat",
        "close",
        "lseek",
        "write",
        "ftruncate",
        "fsync",
        "fdatasync",
        "rename",
        "renameat",
        "renameat2",
    ),
    *("unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "faccessat", "faccessat2", "access"),
)
REFUSED = (
    *(
        "pwrite64",
        "writev",
        "pwritev",
        "copy_file_range",
        "sendfile",
        "fallocate",
        "link",
        "linkat",
        "symlink",
    ),
    "truncate",
)
"""Would change files as `Disk` cannot: a trace that has one below the folder is refused."""

LONGEST_WRITE = 4 << 20

TRACED = [
    "-y",
    "-xx",
    "-s",
    str(LONGEST_WRITE),
    "-e",
    "signal=none",
    "-e",
    f"trace={','.join((*CALLS, *REFUSED))}",
]
"""Arguments of strace."""

MARK = "/acknowledged"
"""A path that begins so, asked for by access(2), says that what follows was promised to be saved."""

Operation = namedtuple("Operation", "call path other content descriptor")

_LINE = re.compile(rb"^(\w+)\((.*)\) += (-?\d+)")
_TEXT = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"')
_DESCRIPTOR = re.compile(rb"^(\d+)(?:<((?:\\x[0-9a-f]{2}|[^>])*)>)?")


def record(trace, folder):
    """Yield the operations below a folder that a trace holds, and the marks."""
    begin, opened = str(folder), {}
    with open(trace, "rb") as lines:
        for line in lines:
            match = _LINE.match(line)
            if match is None:
                continue
            call, rest, result = match[1].decode(), match[2], int(match[3])
            if result < 0 and "access" not in call:
                continue
            names = [] if call == "write" else [_decoded(text).decode() for text in _TEXT.findall(rest)]
            if call == "openat":
                if names[0].startswith(begin):
                    opened[result] = names[0]
                    yield Operation(
                        call, names[0], line[match.start(2) :].split(b", ")[2].decode(), b"", result
                    )
            elif call in ("rename", "renameat", "renameat2"):
                if names[0].startswith(begin):
                    yield Operation("rename", names[0], names[1], b"", None)
            elif names:
                if names[0].startswith((begin, MARK)):
                    assert call not in REFUSED, line[:200]
                    yield Operation(call, names[0], None, b"", None)
            else:
                yield from _on_descriptor(call, rest, result, opened)


def _on_descriptor(call, rest, result, opened):
    number = int(_DESCRIPTOR.match(rest)[1])
    if number not in opened:
        return
    assert call not in REFUSED, rest[:200]
    path, content, size = opened[number], b"", None
    if call == "write":
        assert result <= LONGEST_WRITE
        content = _decoded(_TEXT.search(rest)[1])[:result]
    elif call == "ftruncate":
        size = int(rest.rsplit(b", ", 1)[1])
    elif call == "lseek":
        size = result
    elif call == "close":
        del opened[number]
    yield Operation(call, path, size, content, number)


def _decoded(text):
    return bytes.fromhex(text.replace(b"\\x", b"").decode())


class Content:
    """What is in a file, and its digest."""

    def __init__(self, content):
        self.content, self.digest = content, hashlib.sha256(content).hexdigest()


class File:
    """A file: what is in it, and what of that was flushed. None: nothing ever."""

    def __init__(self):
        self.content, self.flushed, self.known = b"", None, {}

    def after_power_cut(self, unflushed):
        """Return its content, where unflushed data is "there", "missing", "zeros" or "half" there."""
        key = unflushed, id(self.content), id(self.flushed)
        if key not in self.known:
            self.known = {known: value for known, value in self.known.items() if known[1:] == key[1:]}
            self.known[key] = Content(self._after_power_cut(unflushed))
        return self.known[key]

    def _after_power_cut(self, unflushed):
        if unflushed == "there" or self.content is self.flushed:
            return self.content
        safe = self.flushed or b""
        if unflushed == "missing":
            return safe
        if unflushed == "zeros":
            return safe[: len(self.content)] + bytes(max(0, len(self.content) - len(safe)))
        return self.content[: (len(safe) + len(self.content)) // 2]


class Disk:
    """Files by path, as processes see them, and the changes of names that are not flushed yet.

    A folder is a path with None.
    """

    def __init__(self, folder):
        self.root, self.names, self.flushed = str(folder), {}, {}
        self.pending, self.opened = [], {}

    def do(self, operation):
        """Do one operation."""
        call, path, other, content, descriptor = operation
        if call == "openat":
            self._open(path, other, descriptor)
        elif call == "write":
            self._write(descriptor, content)
        elif call == "lseek":
            self.opened[descriptor][1] = other
        elif call == "ftruncate":
            file = self.opened[descriptor][0]
            file.content = file.content[:other].ljust(other, b"\0")
        elif call in ("fsync", "fdatasync"):
            self._flush(path, descriptor)
        elif call == "close":
            del self.opened[descriptor]
        elif call == "rename":
            moved = self.names[path]
            self._change([(path, "remove", None), (other, "set", moved)])
        elif call in ("unlink", "unlinkat", "rmdir"):
            self._change([(path, "remove", None)])
        elif call in ("mkdir", "mkdirat"):
            self._change([(path, "set", None)])

    def _open(self, path, flags, descriptor):
        if path not in self.names and "O_CREAT" in flags:
            self._change([(path, "set", File())])
        file = self.names.get(path)  # None: a folder, or the root
        if file is not None and "O_TRUNC" in flags:
            file.content = b""
        self.opened[descriptor] = [file, 0, "O_APPEND" in flags]

    def _write(self, descriptor, content):
        file, at, appends = self.opened[descriptor]
        at = len(file.content) if appends else at
        before = file.content[:at].ljust(at, b"\0")
        file.content = before + content + file.content[at + len(content) :]
        self.opened[descriptor][1] = at + len(content)

    def _change(self, changes):
        _apply(self.names, changes)
        self.pending.append(changes)

    def _flush(self, path, descriptor):
        file = self.opened[descriptor][0]
        if file is not None:
            file.flushed = file.content
            return
        of_folder = [
            changes for changes in self.pending if any(_parent(each) == path for each, _, _ in changes)
        ]
        for changes in of_folder:
            _apply(self.flushed, changes)
        self.pending = [changes for changes in self.pending if changes not in of_folder]

    def after_power_cut(self):
        """Yield (how, files), each set of files once: {path: Content, or None of a folder}."""
        seen = set()
        n = len(self.pending)
        kept = [list(range(count)) for count in range(n + 1)] + [[each] for each in range(1, n)]
        for numbers in kept:
            names = dict(self.flushed)
            for number in numbers:
                _apply(names, self.pending[number])
            for unflushed in ("there", "missing", "zeros", "half"):
                files = {
                    path: None if file is None else file.after_power_cut(unflushed)
                    for path, file in sorted(names.items())
                    if self._is_reachable(path, names)
                }
                key = key_of(files)
                if key not in seen:
                    seen.add(key)
                    yield f"changes {numbers} of {n}, unflushed data {unflushed}", files

    def _is_reachable(self, path, names):
        """Return whether every folder above a file is there."""
        above = _parent(path)
        while above != self.root:
            if names.get(above, 0) is not None:
                return False
            above = _parent(above)
        return True


def key_of(files):
    """Return what tells one set of files from another."""
    return tuple((path, content and content.digest) for path, content in files.items())


def _apply(names, changes):
    for path, what, value in changes:
        if what == "set":
            names[path] = value
        else:
            names.pop(path, None)


def _parent(path):
    return path.rpartition("/")[0]
