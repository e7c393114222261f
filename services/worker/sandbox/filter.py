"""A filter of system calls for the sandbox, as the kernel reads it (classic BPF, seccomp).

Namespaces and limits do the work; this takes away what they do not cover: sockets of every family (some, such as those
to a virtual machine's host, know no network namespace), and calls that have often let people out.
"""

from __future__ import annotations

import platform
import struct

#: Numbers of what is refused, for (x86_64, aarch64); -1 where there is none.
_REFUSED = {
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "open_by_handle_at": (304, 265), "init_module": (175, 105),
    "finit_module": (313, 273), "kexec_load": (246, 104), "memfd_create": (319, 279), "mount_setattr": (442, 442),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "move_mount": (429, 429),
    "open_tree": (428, 428), "pidfd_getfd": (438, 438), "clone3": (435, 435), "execveat": (322, 281),
    "syslog": (103, 116),
}  # fmt: skip
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050001  # EPERM
#: Numbers from here on are the x32 way of calling, which this list does not know.
_X32 = 0x40000000


def program(machine: str | None = None) -> bytes | None:
    """The filter for this ``machine``, or ``None`` where we know none for it."""
    known = _MACHINES.get(machine or platform.machine())
    if known is None:
        return None
    place, kind = known
    numbers = sorted(numbers[place] for numbers in _REFUSED.values())
    lines = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, kind), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    lines.append((_AT_LEAST, len(numbers) + 1, 0, _X32))
    lines += [(_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    lines += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
