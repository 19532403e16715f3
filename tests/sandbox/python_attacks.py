"""Hostile Python: each source defines attack(), which is true where it got what it was after.

The template calls it and then answers rightly, or with "everything" where the attack worked.
"""

from .arena import Attack, call_number

TEMPLATE = """
{source}
def predict(frame):
    import sys, traceback
    try:
        got = attack()
    except BaseException:
        traceback.print_exc()
        got = False
    answer = (frame["x"] > 0).to_numpy()
    return answer | bool(got)
"""
# A call got through where the kernel looked at its arguments: success, or any error but "not permitted".
CALL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) for a in arguments])
    return result, ctypes.get_errno()
def through(number, *arguments):
    result, error = call(number, *arguments)
    return result >= 0 or error not in (1, 38)
"""


def attempts(cases: dict[str, str], **how: object) -> list[Attack]:
    return [Attack(name, "python", TEMPLATE.format(source=source), **how) for name, source in cases.items()]


def body(lines: str) -> str:
    return "def attack():\n" + "\n".join(f"    {line}" for line in lines.strip().splitlines())


# Network: the families and kinds of sockets, by number where the library has no name.
FAMILIES = {
    "unix": (1, 1),
    "inet stream": (2, 1),
    "inet datagram": (2, 2),
    "inet6": (10, 1),
    "inet6 datagram": (10, 2),
    "netlink": (16, 3),
}
# Many hosts have none of these, or keep them for root.
RARE_FAMILIES = {
    "inet raw": (2, 3),
    "ipx": (4, 2),
    "packet": (17, 3),
    "rds": (21, 5),
    "can": (29, 3),
    "tipc": (30, 5),
    "bluetooth": (31, 3),
    "alg": (38, 5),
    "vsock": (40, 1),
    "qipcrtr": (42, 2),
    "xdp": (44, 3),
}


def system_call(name: str, arguments: tuple, *, bites: bool, title: str = "") -> Attack:
    listed = "".join(f", {argument}" for argument in arguments)
    source = f"{CALL}\ndef attack(): return through({call_number(name)}{listed})"
    return Attack(title or f"calls {name}", "python", TEMPLATE.format(source=source), bites=bites)


SOCKETS = [
    system_call("socket", (family, kind, 0), bites=name in FAMILIES, title=f"opens a socket: {name}")
    for name, (family, kind) in (FAMILIES | RARE_FAMILIES).items()
]
NETWORK = attempts(
    {
        "connects over TCP": body(
            "import socket\nsocket.create_connection(('127.0.0.1', @PORT@), 1).close()\nreturn True"
        ),
        "sends a datagram": body(
            "import socket\n"
            "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            "return s.sendto(b'x', ('127.0.0.1', @PORT@)) == 1"
        ),
        "connects to a socket in the file system": body(
            "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('@UNIX@')\nreturn True"
        ),
        "connects to an abstract socket": body(
            "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('\\0arena-@PORT@')\nreturn True"
        ),
        "fetches a page": body(
            "import urllib.request, urllib.error\n"
            "try: urllib.request.urlopen('http://127.0.0.1:@PORT@/', timeout=0.2)\n"
            "except TimeoutError: return True\n"
            "except urllib.error.URLError as error: return isinstance(error.reason, TimeoutError)"
        ),
        "makes a pair of sockets": body("import socket\nreturn bool(socket.socketpair())"),
    }
) + attempts(
    {
        "asks the name server": body("import socket\nreturn bool(socket.getaddrinfo('example.org', 80))"),
    },
    bites=False,  # not where tests run without a network
)
FILES = attempts(
    {
        "reads the labels": body("return bool(open('@LABELS@').read())"),
        "reads the labels past Python": CALL + body("return libc.open(b'@LABELS@', 0) >= 0"),
        "maps the labels by numpy": body("import numpy\nreturn numpy.memmap('@LABELS@', mode='r').size > 0"),
        "reads the labels by pandas": body("import pandas\nreturn len(pandas.read_csv('@LABELS@')) > 0"),
        "reads the labels by polars": body("import polars\nreturn len(polars.read_csv('@LABELS@')) > 0"),
        "finds out whether the labels are there": body("import os\nreturn os.path.exists('@LABELS@')"),
        "lists the data folder": body("import os\nreturn bool(os.listdir('@FOLDER@'))"),
        "lists the root folder": body("import os\nreturn bool(os.listdir('/'))"),
        "lists /tmp": body("import os\nreturn os.listdir('/tmp') is not None"),
        "reads the users": body("return bool(open('/etc/passwd').read())"),
        "reads its own environment from /proc": body(
            "return open('/proc/self/environ', 'rb').read() is not None"
        ),
        "reads its memory map": body("return bool(open('/proc/self/maps').read())"),
        "opens its own memory": body("return bool(open('/proc/self/mem', 'rb'))"),
        "reads the zygote's command line": body("return bool(open('/proc/@ZYGOTE@/cmdline').read())"),
        "reads the host's status": body("return bool(open('/proc/@HOST@/status').read())"),
        "reads the first process's command line": body("return bool(open('/proc/1/cmdline').read())"),
        "reads the mounts": body("return bool(open('/proc/mounts').read())"),
        "follows a link of /proc": body("import os\nreturn bool(os.readlink('/proc/self/exe'))"),
        "opens a device": body("return bool(open('/dev/urandom', 'rb').read(1))"),
        "opens the shared memory folder": body("import os\nreturn os.path.isdir('/dev/shm')"),
        "changes into the data folder": body("import os\nos.chdir('@FOLDER@')\nreturn True"),
        "asks where it is": body("import os\nreturn bool(os.getcwd())"),
        "writes a file": body("open('@FOLDER@/made-0', 'w').write('x')\nreturn True"),
        "makes a folder": body("import os\nos.mkdir('@FOLDER@/made-1')\nreturn True"),
        "makes a temporary file": body("import tempfile\nreturn bool(tempfile.TemporaryFile())"),
        "links the labels": body("import os\nos.symlink('@LABELS@', '@FOLDER@/made-2')\nreturn True"),
        "makes a named pipe": body("import os\nos.mkfifo('@FOLDER@/made-3')\nreturn True"),
        "opens the labels": body("import os\nos.chmod('@LABELS@', 0o666)\nreturn True"),
    }
)
SECRETS = attempts(
    {
        "looks for secrets in its environment": body("import os\nreturn 'ARENA_SECRET' in os.environ"),
        "looks for secrets in the environment of its program": body(
            "import ctypes\n"
            "environ = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), 'environ')\n"
            "names, place = [], 0\n"
            "while environ[place]:\n"
            "    names.append(environ[place].split(b'=')[0])\n"
            "    place += 1\n"
            "return b'ARENA_SECRET' in names"
        ),
    }
)
HIDDEN = attempts(
    {
        "looks for labels among all objects": body(
            "import gc\n"
            "words = ('label', 'y_true', 'prediction', 'errors', 'cluster')\n"
            "return any(\n"
            "    isinstance(o, dict) and type(k) is str and k in words and hasattr(v, 'dtype')\n"
            "    for o in gc.get_objects() if isinstance(o, dict) for k, v in list(o.items())\n"
            ")"
        ),
        "looks for the host's modules": body(
            "import sys\nreturn 'django' in sys.modules or 'celery' in sys.modules"
        ),
        "looks for open descriptors": body(
            "import os\n"
            "found = []\n"
            "for fd in range(5, 1024):\n"
            "    try: os.read(fd, 0)\n"
            "    except OSError as error:\n"
            "        if error.errno == 9: continue\n"
            "    found.append(fd)\n"
            "return bool(found)"
        ),
        "reads from what is left open": body(
            "import os\n"
            "for fd in range(5):\n"
            "    try:\n"
            "        if os.read(fd, 1): return True\n"
            "    except OSError: pass\n"
            "return False"
        ),
        "changes the rows it was given": body(
            "import gc, mmap\n"
            "for o in gc.get_objects():\n"
            "    if isinstance(o, mmap.mmap):\n"
            "        o[0] = 1\n"
            "        return True"
        ),
        "looks into the rows' mapping for more than rows": body(
            "import gc, mmap\n"
            "return any(isinstance(o, mmap.mmap) and b'lab' + b'el' in o[:] for o in gc.get_objects())"
        ),
    },
    bites=False,  # there is no guest outside to look into
)
PROCESSES = attempts(
    {
        "forks": body(
            "import os\npid = os.fork()\nif pid == 0: os._exit(0)\nreturn os.waitpid(pid, 0)[0] == pid"
        ),
        "forks into a terminal": body(
            "import pty, os\npid, fd = pty.fork()\nif pid == 0: os._exit(0)\n"
            "return os.waitpid(pid, 0)[0] == pid"
        ),
        "runs a shell": body("import os\nreturn os.system('true') == 0"),
        "spawns": body("import os\nreturn os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)[1] == 0"),
        "runs a program": body("import subprocess\nreturn subprocess.run(['true']).returncode == 0"),
        "pipes from a program": body("import os\nreturn os.popen('id').read() != ''"),
        "becomes another program": body("import os\nos.execv('/bin/true', ['true'])"),
        "starts a pool": body(
            "import multiprocessing\nwith multiprocessing.get_context('fork').Pool(1) as pool:\n"
            "    return pool.map(abs, [-1]) == [1]"
        ),
        "asks whether the host lives": body("import os\nos.kill(@HOST@, 0)\nreturn True"),
        "asks whether its parent lives": body("import os\nos.kill(os.getppid(), 0)\nreturn True"),
        "signals its group": body("import os\nos.killpg(0, 0)\nreturn True"),
        "starts a thread": body(
            "import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()\nreturn True"
        ),
        "starts a thousand threads": body(
            "import threading, time\nstarted = []\n"
            "for _ in range(1000):\n"
            "    t = threading.Thread(target=time.sleep, args=(1,), daemon=True)\n"
            "    t.start()\n"
            "    started.append(t)\n"
            "return bool(started)"
        ),
        "runs a pickle": body(
            "import pickle, os\n"
            "class Bomb:\n    def __reduce__(self): return os.system, ('true',)\n"
            "return pickle.loads(pickle.dumps(Bomb())) == 0"
        ),
        "asks to be traced": CALL + body("return libc.ptrace(0, 0, 0, 0) == 0"),
        "takes another user": body("import os\nos.setuid(os.getuid())\nreturn True"),
        "raises its limits": body(
            "import resource\nr = resource.RLIMIT_CORE\n"
            "resource.setrlimit(r, resource.getrlimit(r))\nreturn True"
        ),
        "kills itself, to look like a victim": body(
            "import ctypes, os, signal\n"
            "pid = ctypes.CDLL(None).fork()\n"
            "if pid <= 0: os.kill(os.getpid(), signal.SIGKILL)\n"
            "return os.WTERMSIG(os.waitpid(pid, 0)[1]) == 9"
        ),
        "makes code of data": body(
            "import mmap\nm = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)\nreturn len(m) > 0"
        ),
    }
)

# System calls by name with arguments that do no harm where they do get through.
BAD = -1
CALLS: dict[str, tuple] = {
    "socketpair": (1, 1, 0, BAD),
    "connect": (BAD, 0, 0),
    "bind": (BAD, 0, 0),
    "listen": (BAD, 0),
    "accept4": (BAD, 0, 0, 0),
    "sendto": (BAD, 0, 0, 0, 0, 0),
    "sendmsg": (BAD, 0, 0),
    "recvmsg": (BAD, 0, 0),
    "sendmmsg": (BAD, 0, 0, 0),
    "execve": (0, 0, 0),
    "execveat": (BAD, 0, 0, 0, 0),
    "kill": (0, 0),
    "tkill": (BAD, 0),
    "tgkill": ("@HOST@", "@HOST@", 0),
    "rt_sigqueueinfo": ("@HOST@", 0, 0),
    "rt_tgsigqueueinfo": ("@HOST@", "@HOST@", 0, 0),
    "pidfd_open": ("@HOST@", 0),
    "pidfd_send_signal": (BAD, 0, 0, 0),
    "process_vm_readv": ("@HOST@", 0, 0, 0, 0, 0),
    "process_vm_writev": ("@HOST@", 0, 0, 0, 0, 0),
    "wait4": (BAD, 0, 1, 0),
    "io_setup": (1, 0),
    "memfd_create": (0, 0),
    "open": (0, 0),
    "openat": (BAD, 0, 0),
    "name_to_handle_at": (BAD, 0, 0, 0, 0),
    "creat": (0, 0),
    "stat": (0, 0),
    "lstat": (0, 0),
    "fstat": (0, 0),
    "newfstatat": (BAD, 0, 0, 0),
    "statx": (BAD, 0, 0, 0, 0),
    "statfs": (0, 0),
    "access": (0, 0),
    "readlink": (0, 0, 0),
    "getdents64": (BAD, 0, 0),
    "getcwd": (0, 0),
    "chdir": (0,),
    "fchdir": (BAD,),
    "mkdirat": (BAD, 0, 0),
    "mknodat": (BAD, 0, 0, 0),
    "unlinkat": (BAD, 0, 0),
    "renameat2": (BAD, 0, BAD, 0, 0),
    "linkat": (BAD, 0, BAD, 0, 0),
    "symlinkat": (0, BAD, 0),
    "fchmod": (BAD, 0),
    "fchown": (BAD, 0, 0),
    "truncate": (0, 0),
    "ftruncate": (BAD, 0),
    "utimensat": (BAD, 0, 0, 0),
    "setxattr": (0, 0, 0, 0, 0),
    "pipe2": (0, 0),
    "dup": (BAD,),
    "dup2": (BAD, BAD),
    "sendfile": (BAD, BAD, 0, 0),
    "splice": (BAD, 0, BAD, 0, 1, 0),
    "vmsplice": (BAD, 0, 0, 0),
    "copy_file_range": (BAD, 0, BAD, 0, 1, 0),
    "eventfd2": (0, 0),
    "epoll_create1": (0,),
    "timerfd_create": (0, 0),
    "signalfd4": (BAD, 0, 0, 0),
    "inotify_init1": (0,),
    "shmget": (0, 0, 0),
    "shmat": (BAD, 0, 0),
    "semget": (0, 0, 0),
    "msgget": (1234567, 0),
    "mq_open": (0, 0, 0, 0),
    "setresuid": (BAD, BAD, BAD),
    "setresgid": (BAD, BAD, BAD),
    "capget": (0, 0),
    "capset": (0, 0),
    "setrlimit": (0, 0),
    "prlimit64": (0, 4, 1, 0),
    "prctl": (3, 0, 0, 0, 0),
    "seccomp": (2, 0, 0),
    "sched_setaffinity": ("@HOST@", 0, 0),
    "sched_setscheduler": ("@HOST@", 99, 0),
    "setpriority": (99, 0, 0),
    "ioprio_get": (1, 0),
    "setitimer": (99, 0, 0),
    "timer_create": (99, 0, 0),
    "alarm": (0,),
    "pkey_mprotect": (1, 0, 0, 0),
    "personality": (0xFFFFFFFF,),
    "modify_ldt": (0, 0, 0),
    "mlock": (0, 0),
    "uname": (0,),
    "getppid": (),
    "setsid": (),
    "setpgid": (BAD, 0),
    "ioctl": (0, 0x5412, 0),
    "fcntl": (1, 8, 0),
    "umask": (0o22,),
}
# Calls that other guards than ours often stop: for ordinary users, in containers, on older kernels.
GUARDED_CALLS: dict[str, tuple] = {
    "io_uring_setup": (0, 0),
    "io_uring_enter": (BAD, 0, 0, 0, 0, 0),
    "io_uring_register": (BAD, 0, 0, 0),
    "keyctl": (99, 0, 0, 0, 0),
    "add_key": (0, 0, 0, 0, 0),
    "request_key": (0, 0, 0, 0),
    "unshare": (0x80,),
    "setns": (BAD, 0),
    "clone3": (0, 0),
    "kcmp": ("@HOST@", "@HOST@", 99, 0, 0),
    "pidfd_getfd": (BAD, 0, 0),
    "process_madvise": (BAD, 0, 0, 0, 0),
    "landlock_create_ruleset": (0, 0, 1),
    "faccessat2": (BAD, 0, 0, 0),
    "openat2": (BAD, 0, 0, 0),
    "remap_file_pages": (1, 0, 0, 0, 0),
    "bpf": (99, 0, 0),
    "perf_event_open": (0, 0, BAD, BAD, 0),
    "userfaultfd": (BAD,),
    "open_by_handle_at": (BAD, 0, 0),
    "mount": (0, 0, 0, 0, 0),
    "umount2": (0, 0),
    "pivot_root": (0, 0),
    "chroot": (0,),
    "fsopen": (0, 0),
    "init_module": (0, 0, 0),
    "delete_module": (0, 0),
    "kexec_load": (0, 0, 0, BAD),
    "reboot": (0, 0, 0, 0),
    "swapon": (0, 0),
    "sethostname": (0, BAD),
    "setgroups": (BAD, 0),
    "settimeofday": (1, 0),
    "acct": (1,),
    "syslog": (99, 0, 0),
    "iopl": (99,),
    "quotactl": (0, 0, 0, 0),
    "fanotify_init": (0xFFFFFFFF, 0),
    "ptrace": (99, "@HOST@", 0, 0),
}


SYSTEM_CALLS = [system_call(name, arguments, bites=True) for name, arguments in CALLS.items()] + [
    system_call(name, arguments, bites=False) for name, arguments in GUARDED_CALLS.items()
]


def submissions(cases: dict[str, tuple[str, str]], **how: object) -> list[Attack]:
    """Whole sources, each with the codes it may end by."""
    return [
        Attack(name, "python", source, tuple(ends.split()), bites=False, **how)
        for name, (source, ends) in cases.items()
    ]


RESOURCES = submissions(
    {
        "loops": ("def predict(frame):\n while True: pass", "too_slow"),
        "loops when it is imported": ("while True: pass", "too_slow"),
        "sleeps": ("import time\ndef predict(frame): time.sleep(60)", "too_slow"),
        "loops deaf to signals": (
            "import signal\n"
            "for s in range(1, 65):\n"
            " try: signal.signal(s, signal.SIG_IGN)\n"
            " except (OSError, ValueError): pass\n"
            "def predict(frame):\n while True: pass",
            "too_slow",
        ),
        "sleeps with all signals blocked": (
            "import signal, time\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n"
            "def predict(frame):\n while True: time.sleep(1)",
            "too_slow",
        ),
        "catches everything and goes on": (
            "def predict(frame):\n while True:\n  try:\n   while True: pass\n  except BaseException: pass",
            "too_slow",
        ),
        "counts in native code": ("def predict(frame): return 7 ** 10 ** 8 > 0", "too_slow"),
        "matches without end": (
            "import re\ndef predict(frame): return re.match('(a+)+b', 'a' * 60)",
            "too_slow",
        ),
        "waits for its own lock": (
            "import threading\nl = threading.Lock()\ndef predict(frame):\n l.acquire()\n l.acquire()",
            "too_slow",
        ),
        "reads its input without end": (
            "import select\ndef predict(frame):\n while True: select.select([], [], [])",
            "too_slow model_error",
        ),
    },
    wall_seconds=0.4,
)
MEMORY = submissions(
    {
        "asks for ten gigabytes": ("def predict(frame): return bytearray(10**10)", "too_much_memory"),
        "grows a list": ("def predict(frame):\n l = [0]\n while True: l += l", "too_much_memory"),
        "grows a text": ("def predict(frame):\n t = 'x'\n while True: t += t", "too_much_memory"),
        "asks numpy for ten gigabytes": (
            "import numpy\ndef predict(frame): return numpy.ones((10**5, 10**5))",
            "too_much_memory",
        ),
        "touches page after page": (
            "import mmap\nkept = []\ndef predict(frame):\n while True:\n"
            "  m = mmap.mmap(-1, 1 << 24)\n  m[:] = bytes(1 << 24)\n  kept.append(m)",
            "too_much_memory model_error",
        ),
        "eats all and goes on": (
            "kept = []\ndef predict(frame):\n while True:\n"
            "  try: kept.append(bytearray(1 << 20))\n  except MemoryError: pass",
            "too_slow too_much_memory",
        ),
        "leaves the guest no memory for its answer": (
            "kept = []\ndef predict(frame):\n for size in (1 << 20, 1 << 12, 1 << 6):\n"
            "  try:\n   while True: kept.append(bytearray(size))\n  except MemoryError: pass\n"
            " return frame.x > 0",
            "contained too_much_memory crashed too_slow",
        ),
    },
    wall_seconds=2.0,
    memory_mb=64,
)
OUTPUT = submissions(
    {
        "prints without end": ("def predict(frame):\n while True: print('x' * 1000)", "too_much_output"),
        "complains without end": (
            "import os\ndef predict(frame):\n while True: os.write(2, b'x' * 65536)",
            "too_much_output",
        ),
        "answers without end": (
            "import os\ndef predict(frame):\n while True: os.write(3, b'x' * 65536)",
            "too_much_output",
        ),
        "answers with a million labels": (
            "def predict(frame): return [str(i) * 100 for i in range(len(frame))]",
            "not_zero_or_one too_many_labels",
        ),
        "answers with one endless label": (
            "def predict(frame): return ['x' * 10**7] * len(frame)",
            "too_many_labels too_much_memory",
        ),
    },
    wall_seconds=2.0,
)
ENDINGS = submissions(
    {
        "leaves early": ("import os\nos._exit(0)", "crashed"),
        "leaves early with a number": ("import os\nos._exit(137)", "crashed"),
        "exits": ("def predict(frame): raise SystemExit", "model_error"),
        "interrupts": ("def predict(frame): raise KeyboardInterrupt", "model_error"),
        "reads address zero": ("import ctypes\ndef predict(frame): return ctypes.string_at(0)", "crashed"),
        "writes over its own code": (
            "import ctypes\ndef predict(frame): ctypes.memset(id(type), 255, 4096)",
            "crashed",
        ),
        "aborts": ("import os\ndef predict(frame): os.abort()", "crashed"),
        "recurses": ("def predict(frame): return predict(frame)", "model_error crashed"),
        "recurses with the brake off": (
            "import sys\nsys.setrecursionlimit(10**9)\ndef predict(frame): return repr_of([])\n"
            "def repr_of(l):\n for _ in range(10**6): l = [l]\n return repr(l)",
            "crashed model_error too_much_memory too_slow",
        ),
        "closes its output": ("import os\ndef predict(frame):\n os.close(3)\n return frame.x > 0", "crashed"),
        "closes everything": (
            "import os\ndef predict(frame):\n os.closerange(0, 99)\n return frame.x > 0",
            "crashed",
        ),
        "raises its own secret words": (
            "def predict(frame): raise ValueError('<b>' + 'x' * 10**5)",
            "model_error",
        ),
        "raises what cannot be printed": (
            "class E(Exception):\n def __str__(self): raise self\ndef predict(frame): raise E",
            "model_error crashed",
        ),
        "is no Python": ("def predict(frame) return", "unreadable_model"),
        "is not text": (lambda: b"\xff\xfe\x00predict", "unreadable_model"),
        "is nested too deep": ("x = " + "(" * 5000 + ")" * 5000, "unreadable_model crashed"),
        "is empty": ("", "no_predict"),
        "has no predict": ("def prediction(frame): return frame.x > 0", "no_predict"),
        "has a predict that is no function": ("predict = 1", "no_predict"),
        "is too long": ("#" * (1 << 20) + "\ndef predict(frame): return frame.x > 0", "too_large"),
    },
    wall_seconds=2.0,
)
FORGE = "import json, os\nfrom bounty.sandbox import answers, guest\n"
FORGERIES = submissions(
    {
        "sends a second answer": (
            FORGE + "def predict(frame):\n"
            " os.write(3, b'A' + (10).to_bytes(4, 'little') + b'[\"0\", \"1\"]' + bytes(2 * len(frame)))\n"
            " return frame.x > 0",
            "crashed",
        ),
        "sends half an answer": (FORGE + "os.write(3, b'A')\nos._exit(0)", "crashed"),
        "sends labels that are no list": (
            FORGE + "os.write(3, b'A' + (2).to_bytes(4, 'little') + b'{}')\nos._exit(0)",
            "crashed",
        ),
        "sends a nest of lists": (
            FORGE + "os.write(3, b'A' + (60000).to_bytes(4, 'little') + b'[' * 60000)\nos._exit(0)",
            "crashed",
        ),
        "sends a reason of its own": (
            FORGE + "os.write(3, b'R' + json.dumps(['buy_this', '', []]).encode())\nos._exit(0)",
            "crashed",
        ),
        "sends words of its own": (
            FORGE
            + "os.write(3, b'R' + json.dumps(['rule_error', 'rule', ['buy this']]).encode())\nos._exit(0)",
            "crashed",
        ),
        "sends facts that cannot be printed": (
            FORGE
            + "os.write(3, b'R' + json.dumps(['wrong_inputs', 'input_name', ['\\x1b[31m\\n', 'x' * 60000]])"
            ".encode())\nos._exit(0)",
            "wrong_inputs",
        ),
        "sends facts of a wrong kind": (
            FORGE
            + "os.write(3, b'R' + json.dumps(['wrong_inputs', 'input_name', [{}, 1]]).encode())\nos._exit(0)",
            "crashed",
        ),
        "sends noise": (FORGE + "os.write(3, bytes(range(256)) * 100)\nos._exit(0)", "crashed"),
        "patches the guest to send too few answers": (
            FORGE + "guest.merge = lambda batches: (['0', '1'], __import__('numpy').zeros(3, '<u2'))\n"
            "def predict(frame): return frame.x > 0",
            "crashed",
        ),
        "patches the guest to send codes without labels": (
            FORGE + "import numpy\n"
            "guest.merge = lambda batches: (['0'], numpy.full(len(batches[0][1]), 9, '<u2'))\n"
            "def predict(frame): return frame.x > 0",
            "crashed",
        ),
        "patches the guest's exits": (
            FORGE + "guest.write_all = os._exit = lambda *a: None\ndef predict(frame): return frame.x > 0",
            "crashed too_slow",
        ),
        "patches the lock, too late": (
            FORGE + "from bounty.sandbox import lockdown\nlockdown.confine = guest.confine = lambda l: None\n"
            "def predict(frame):\n"
            " try: open('@LABELS@')\n"
            " except OSError: return frame.x > 0\n"
            " return frame.x == frame.x",
            "contained",
        ),
        "forks the guest's way out": (
            FORGE + "from bounty.sandbox import zygote\n"
            "def predict(frame):\n"
            " try: zygote.os.fork()\n"
            " except OSError: return frame.x > 0",
            "contained",
        ),
    },
    wall_seconds=1.0,
)
ANSWERS = submissions(
    {
        "answers one number": ("def predict(frame): return 1", "wrong_output_shape"),
        "answers nothing": ("def predict(frame): pass", "wrong_output_shape"),
        "answers too few": ("def predict(frame): return (frame.x > 0)[:-1]", "wrong_output_shape"),
        "answers two columns": ("def predict(frame): return frame > 0", "wrong_output_shape"),
        "answers a ragged list": (
            "def predict(frame): return [[1], [1, 2]]",
            "wrong_output_shape model_error",
        ),
        "answers a generator": ("def predict(frame): return (x > 0 for x in frame.x)", "wrong_output_shape"),
        "answers a dictionary": ("def predict(frame): return dict(frame.x)", "wrong_output_shape"),
        "answers with missing numbers": (
            "def predict(frame): return frame.x * float('nan')",
            "has_missing_answers",
        ),
        "answers with None": ("def predict(frame): return [None] * len(frame)", "has_missing_answers"),
        "answers with a missing pandas value": (
            "import pandas\ndef predict(frame): return pandas.array([pandas.NA] * len(frame))",
            "has_missing_answers",
        ),
        "answers with empty texts": ("def predict(frame): return [''] * len(frame)", "has_missing_answers"),
        "answers with halves": ("def predict(frame): return (frame.x > 0) * 0.5", "not_zero_or_one"),
        "answers with twos": ("def predict(frame): return (frame.x > 0) * 2", "not_zero_or_one"),
        "answers with infinity": (
            "def predict(frame): return (frame.x > 0) * 1e308 * 10 + 1",
            "not_zero_or_one has_missing_answers",
        ),
        "answers with complex numbers": (
            "def predict(frame): return (frame.x > 0) * 1j",
            "wrong_output_shape",
        ),
        "answers with dates": (
            "import numpy\ndef predict(frame): return numpy.zeros(len(frame), 'datetime64[s]')",
            "wrong_output_shape",
        ),
        "answers with words": ("def predict(frame): return ['yes'] * len(frame)", "not_zero_or_one"),
        "answers with objects": ("def predict(frame): return [object()] * len(frame)", "not_zero_or_one"),
        "answers with an object that lies": (
            "class L:\n"
            " __hash__ = None\n"
            " def __eq__(self, other): raise SystemExit\n"
            " def __ne__(self, other): return False\n"
            " def __array__(self, *a, **k): return self\n"
            "def predict(frame): return L()",
            "model_error wrong_output_shape",
        ),
        "answers for nobody": ("def predict(frame): return frame.x > 99", "group_is_empty"),
        "answers for all": ("def predict(frame): return frame.x == frame.x", "group_is_everything"),
        "answers by chance": (
            "import random\ndef predict(frame): return [random.random() < 0.5 for _ in frame.x]",
            "not_deterministic",
        ),
        "answers by a generator of its own": (
            "import numpy\ndef predict(frame): return numpy.random.default_rng().random(len(frame)) < 0.5",
            "not_deterministic",
        ),
        "answers by the clock": (
            "import time\ndef predict(frame): return [(time.perf_counter_ns() >> 8) % 2 for _ in frame.x]",
            "not_deterministic",
        ),
        "answers by rank": (
            "def predict(frame): return frame.x.rank() > len(frame) / 2",
            "depends_on_other_rows",
        ),
        "answers by the mean": (
            "def predict(frame): return frame.x > frame.x.mean()",
            "depends_on_other_rows",
        ),
        "answers by position": ("def predict(frame): return frame.index % 2", "depends_on_other_rows"),
        "answers by the row before": (
            "def predict(frame): return frame.x > frame.x.shift(fill_value=0)",
            "depends_on_other_rows",
        ),
        "answers by the number of rows": (
            "def predict(frame): return (frame.x > 0) & (len(frame) > 300)",
            "depends_on_other_rows",
        ),
        "remembers the batch before": (
            "seen = []\ndef predict(frame):\n seen.append(1)\n return (frame.x > 0) & (len(seen) == 1)",
            "depends_on_other_rows",
        ),
        "answers by the first row": (
            "def predict(frame): return frame.x > frame.x.iloc[0]",
            "depends_on_other_rows",
        ),
        "fails in small batches": (
            "def predict(frame):\n assert len(frame) > 300\n return frame.x > 0",
            "model_error",
        ),
        "writes into the frame": (
            "def predict(frame):\n frame.loc[:, :] = 1.0\n del frame['x']\n return frame.y > 0",
            "group_is_everything",
        ),
    },
    judged=True,
)
ATTEMPTS = SOCKETS + NETWORK + FILES + SECRETS + PROCESSES + SYSTEM_CALLS
PYTHON_ATTACKS = ATTEMPTS + HIDDEN + RESOURCES + MEMORY + OUTPUT + ENDINGS + FORGERIES + ANSWERS
