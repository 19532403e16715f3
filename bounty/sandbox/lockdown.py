"""What a child gives up before it touches a submission: its user, its capabilities, its room to grow, any way
to gain rights, the file system, and every system call it does not need.

The child needs no file at all: its inputs are mapped already and the zygote has imported what it may use. So
Landlock allows no path, and the calls that take one are not on the list either. There is no call that makes a
socket, a process, a pipe or a memory file, that signals or looks into another process, or that maps memory as
executable. Threads exist for rules alone, whose code is ours (polars needs one).
"""

import ctypes
import errno
import os
import resource
import signal
from dataclasses import dataclass

import pyseccomp

# Between the ranges that distributions and systemd hand out: nobody's.
UNUSED_IDS = range(60706, 61184)
MAX_THREADS = 16
MAX_DESCRIPTORS = 16

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
CAPABILITY_VERSION = 0x20080522
LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF = 444, 446
# By version of Landlock: how many rights over files it knows, and whether it knows ports and scopes.
LANDLOCK_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
LANDLOCK_PORT_RIGHTS, LANDLOCK_SCOPES = 0b11, 0b11
CLONE_THREAD = 0x00010000
PROT_EXEC = 4
PIPE_BYTES_WAITING, TERMINAL_ATTRIBUTES = 0x541B, 0x5401
F_GETFD, F_GETFL, F_DUPFD_CLOEXEC = 1, 3, 1030

CALLS = """
    read readv pread64 write writev close lseek
    munmap mremap madvise brk
    rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack restart_syscall
    futex set_robust_list rseq sched_yield getcpu
    exit exit_group getpid gettid
    nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time
    getrandom getrusage times sysinfo getrlimit poll ppoll
"""

libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Limits:
    memory_bytes: int
    cpu_seconds: int
    threads: bool


def landlock_version() -> int:
    """0 where the kernel has no Landlock."""
    return max(0, libc.syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1))


def confine(limits: Limits) -> None:
    """Lock this process, for good. Raises OSError where a lock does not close."""
    parent = os.getppid()
    become_nobody()
    drop_capabilities()
    set_limits(limits)
    # After the change of user, which would clear it: the child dies with the zygote.
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    prctl(PR_SET_DUMPABLE, 0)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if version := landlock_version():
        close_file_system(version)
    allow_calls(limits.threads)


def become_nobody() -> None:
    """As root, another user for every child; any other user stays who he is."""
    if os.geteuid() != 0:
        return
    identity = UNUSED_IDS[os.getpid() % len(UNUSED_IDS)]
    try:
        os.setgroups([])
        os.setresgid(identity, identity, identity)
        os.setresuid(identity, identity, identity)
    except (OSError, PermissionError) as error:
        # Root of a user namespace without this user is nobody outside; its capabilities go in the next step.
        if error.errno not in (errno.EINVAL, errno.EPERM):
            raise
    else:
        resource.setrlimit(resource.RLIMIT_NPROC, (MAX_THREADS, MAX_THREADS))


def drop_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    check(libc.capset(header, (ctypes.c_uint32 * 6)()))


def set_limits(limits: Limits) -> None:
    with open("/proc/self/statm") as statm:  # noqa: PTH123
        inherited = int(statm.read().split()[0]) * resource.getpagesize()
    ceilings = {
        resource.RLIMIT_AS: inherited + limits.memory_bytes,
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: MAX_DESCRIPTORS,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    for name, ceiling in ceilings.items():
        resource.setrlimit(name, (ceiling, ceiling))


def close_file_system(version: int) -> None:
    """A rule set that handles every right and allows none."""
    rights = [(1 << LANDLOCK_FILE_RIGHTS[min(version, 5)]) - 1]
    if version >= 4:
        rights.append(LANDLOCK_PORT_RIGHTS)
    if version >= 6:
        rights.append(LANDLOCK_SCOPES)
    attributes = (ctypes.c_uint64 * len(rights))(*rights)
    rules = check(
        libc.syscall(LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(ctypes.sizeof(attributes)), 0)
    )
    check(libc.syscall(LANDLOCK_RESTRICT_SELF, rules, 0))
    os.close(rules)


def allow_calls(threads: bool) -> None:
    equal, masked = pyseccomp.EQ, pyseccomp.MASKED_EQ
    rules = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))

    def allow(call: str, *conditions: pyseccomp.Arg) -> None:
        rules.add_rule(pyseccomp.ALLOW, call, *conditions)

    for call in CALLS.split():
        allow(call)
    for call in ("mmap", "mprotect"):
        allow(call, pyseccomp.Arg(2, masked, PROT_EXEC, 0))
    # abort() of the process itself. Any other signal could look like a kill by somebody else.
    allow("tgkill", pyseccomp.Arg(0, equal, os.getpid()), pyseccomp.Arg(2, equal, signal.SIGABRT))
    # Read one's own limits, never set them or another's.
    allow("prlimit64", pyseccomp.Arg(0, equal, 0), pyseccomp.Arg(2, equal, 0))
    allow("sched_getaffinity", pyseccomp.Arg(0, equal, 0))
    for request in (PIPE_BYTES_WAITING, TERMINAL_ATTRIBUTES):
        allow("ioctl", pyseccomp.Arg(1, equal, request))
    # Not F_SETOWN and F_SETSIG: they send signals.
    for command in (F_GETFD, F_GETFL):
        allow("fcntl", pyseccomp.Arg(1, equal, command))
    if threads:
        for call in ("epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "eventfd2"):
            allow(call)
        allow("fcntl", pyseccomp.Arg(1, equal, F_DUPFD_CLOEXEC))
        allow("clone", pyseccomp.Arg(0, masked, CLONE_THREAD, CLONE_THREAD))
        # Its flags lie in memory, out of a filter's sight. ENOSYS makes libc fall back to clone.
        rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    rules.load()


def prctl(option: int, value: int) -> None:
    check(libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0))


def check(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
