"""Drives the launcher over its pipes and sockets, as a worker does."""

import json
import os
import pathlib
import resource
import select
import shutil
import socket
import struct
import subprocess
import tempfile
import unittest

HELPER = os.environ.get(
    "JOB_SHIM",
    str(pathlib.Path(__file__).resolve().parents[2] / "resources/dev/jobworker/core/native" / f"job-shim-linux-{os.uname().machine}"),
)
PATIENCE = 60.0  # seconds until a test gives up

(PROTOCOL, START_ID, FOLDER, ARGUMENT, ENVIRONMENT, DIRECTORY, USER, UMASK, NICE, LIMIT, FLAGS, TIME_LIMIT, GRACE, OUTPUT_LIMIT, STOP_SIGNAL) = range(1, 16)
NO_NEW_PRIVILEGES, MERGE, KILL_AT_OUTPUT_LIMIT, SYNC, STDIN_FILE, DIE_WITH_WORKER, KEEP_TAIL, STDIN_PIPE, WAIT_FOR_DESCENDANTS = (1 << bit for bit in range(9))
(S_NONE, S_REQUEST, S_FOLDER, S_FORK, S_STDIO, S_LIMIT, S_NICE, S_USER, S_PRIVILEGES, S_DIRECTORY, S_EXEC) = range(11)
OWN_ACCORD, STOP_REQUEST, TIMEOUT, OUTPUT_LIMIT_CAUSE, WORKER_SHUTDOWN = range(5)
INFINITY = 2**64 - 1
STDERR_BIT = INPUT_IS_OPEN = 1 << 63
INPUT_WINDOW, INPUT_MAX, TAIL_MIN = 64 << 10, 16 << 10, 64 << 10


def field(tag, value):
    return struct.pack("<BI", tag, len(value)) + value


def u32(value):
    return struct.pack("<I", value)


def u64(value):
    return struct.pack("<Q", value)


def encode(value):
    return value if isinstance(value, bytes) else os.fsencode(value)


class Reply:
    def __init__(self, data):
        self.start_id, self.pid, self.stage, self.errno, self.zero, self.start_micros = struct.unpack("<QIIIIQ", data)

    def __repr__(self):
        return f"Reply(id={self.start_id}, pid={self.pid}, stage={self.stage}, errno={self.errno})"


class Status:
    def __init__(self, data):
        (self.protocol, self.pid, self.phase, self.cause, self.stdout, self.stderr, self.truncated, self.earliest, self.start_micros, self.input) = struct.unpack(
            "<IIIIQQQQQQ", data
        )


class Ended(Exception):
    """The shim closed the connection."""


class Connection:
    def __init__(self, folder):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        descriptor = os.open(folder, os.O_PATH)
        try:
            self.socket.connect(f"/proc/self/fd/{descriptor}/shim.sock")
        except OSError:
            self.socket.close()
            raise
        finally:
            os.close(descriptor)
        self.status = None

    def __del__(self):
        self.socket.close()

    def next(self):
        data = b""
        while len(data) < 64:
            try:
                part = self.socket.recv(64 - len(data))
            except ConnectionResetError:
                part = b""
            if not part:
                raise Ended()
            data += part
        self.status = Status(data)
        return self.status

    def until(self, condition):
        while self.status is None or not condition(self.status):
            self.next()
        return self.status

    def until_end(self):
        try:
            while True:
                self.next()
        except Ended:
            self.socket.close()

    def send(self, order):
        self.socket.sendall(u32(len(order)) + order)

    def stop(self, signal=15, grace=10_000, cause=STOP_REQUEST, name=b"tester"):
        self.send(struct.pack("<BBBQ", 1, cause, signal, grace) + name)

    def signal(self, signal):
        self.send(struct.pack("<BB", 2, signal))

    def input(self, offset, data):
        self.send(struct.pack("<BQ", 3, offset) + data)

    def end_input(self, offset):
        self.send(struct.pack("<BQ", 4, offset))

    def feed(self, data, offset=0):
        """Streams all of it as a worker does: never more than a window beyond what the pipe took."""
        end, sent = offset + len(data), offset
        try:
            self.until(lambda s: True)
            while self.status.input & INPUT_IS_OPEN:
                taken = self.status.input & ~INPUT_IS_OPEN
                if taken >= end:
                    return end
                while sent < min(end, taken + INPUT_WINDOW):
                    size = min(INPUT_MAX, end - sent, taken + INPUT_WINDOW - sent)
                    self.input(sent, data[sent - offset : sent - offset + size])
                    sent += size
                self.next()
        except (Ended, BrokenPipeError):
            pass  # the job is over
        return sent


class Job:
    def __init__(self, folder, reply):
        self.folder = pathlib.Path(folder)
        self.reply = reply
        self.pid = reply.pid

    def connect(self):
        return Connection(self.folder)

    def wait(self, connection=None):
        """The exit record, after the shim has closed the socket."""
        try:
            (connection or self.connect()).until_end()
        except ConnectionRefusedError:
            pass
        return self.record()

    def record(self):
        return json.loads((self.folder / "exit.json").read_bytes())

    def output(self):
        return (self.folder / "output").read_bytes()

    def index(self):
        """(is_stderr, start, end, micros) of each record, after checking every rule that a record must obey."""
        data = (self.folder / "output.index").read_bytes()
        assert len(data) % 32 == 0, len(data)
        records, out, err, before = [], 0, 0, 0
        for at in range(0, len(data), 32):
            next_out, next_err, micros, combined = struct.unpack_from("<QQQQ", data, at)
            is_stderr, combined = bool(combined & STDERR_BIT), combined & ~STDERR_BIT
            assert combined == next_out + next_err
            assert (next_out == out and next_err > err) if is_stderr else (next_err == err and next_out > out)
            assert micros >= before - 1_000_000
            records.append((is_stderr, out + err, combined, micros))
            out, err, before = next_out, next_err, micros
        return records

    def stream(self, is_stderr):
        data = self.output()
        return b"".join(data[start:end] for kind, start, end, _ in self.index() if kind == is_stderr)

    def shim_pid(self):
        return int(pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[1])

    def lock_state(self):
        return (self.folder / "shim.lock").read_bytes()


class Launcher:
    def __init__(self, root, command=(HELPER, "launcher"), **popen):
        self.root = pathlib.Path(root)
        self.count = 0
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, **popen)

    def new_folder(self):
        self.count += 1
        folder = self.root / f"job-{self.count}"
        folder.mkdir()
        (folder / "shim.lock").touch(0o600)
        (folder / "shim.lock").chmod(0o666)
        folder.chmod(0o777)
        return folder

    def request(self, argv, folder, start_id=1, env=("PATH=/usr/bin:/bin",), directory="/", user=None, umask=0o022, nice=None, limits=(), flags=0,
                time_limit=0, grace=1000, output_limit=1 << 30, stop_signal=15, without=(), extra=b""):
        fields = [(PROTOCOL, u32(2)), (START_ID, u64(start_id)), (FOLDER, encode(folder))]
        fields += [(ARGUMENT, encode(a)) for a in argv] + [(ENVIRONMENT, encode(e)) for e in env] + [(DIRECTORY, encode(directory))]
        fields += [(USER, encode(user))] if user is not None else []
        fields += [(UMASK, u32(umask))] + ([(NICE, struct.pack("<i", nice))] if nice is not None else [])
        fields += [(LIMIT, struct.pack("<IQQ", *limit)) for limit in limits]
        fields += [(FLAGS, u32(flags)), (TIME_LIMIT, u64(time_limit)), (GRACE, u64(grace)), (OUTPUT_LIMIT, u64(output_limit))]
        fields += [(STOP_SIGNAL, u32(stop_signal))]
        return b"".join(field(tag, value) for tag, value in fields if tag not in without) + extra

    def send(self, frame):
        self.write(u32(len(frame)) + frame)

    def write(self, data):
        while data:
            data = data[self.process.stdin.write(data):]

    def reply(self):
        data = b""
        while len(data) < 32:
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            assert ready, "no reply"
            part = self.process.stdout.read(32 - len(data))
            assert part, "the launcher has gone"
            data += part
        return Reply(data)

    def try_start(self, argv, folder=None, **options):
        folder = folder or self.new_folder()
        self.send(self.request(argv, folder, **options))
        return Job(folder, self.reply())

    def start(self, argv, **options):
        job = self.try_start(argv, **options)
        assert job.pid > 0 and job.reply.stage == 0 and job.reply.errno == 0, job.reply
        return job

    def abandon(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def close(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        return self.process.returncode


def processes_with(token):
    """The pids whose command line holds the token."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                if encode(token) in pathlib.Path(f"/proc/{entry}/cmdline").read_bytes():
                    found.append(int(entry))
            except OSError:
                pass
    return found


def await_exit(pid):
    """Waits for the end of a process that is not a child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([descriptor], [], [], PATIENCE)
        assert ready, f"{pid} goes on"
    finally:
        os.close(descriptor)


def raise_file_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class ShimTest(unittest.TestCase):
    """A launcher and a folder for each test; at the end, neither may leave a process."""

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="job-shim-test-", dir="/dev/shm"))
        self.root.chmod(0o755)
        self.token = self.root.name
        self.launcher = self.new_launcher()

    def new_launcher(self, **popen):
        launcher = Launcher(self.root, **popen)
        self.addCleanup(launcher.abandon)
        return launcher

    def tearDown(self):
        self.launcher.process.stdin.close()
        try:
            self.launcher.process.wait(PATIENCE)
            self.assertEqual(self.launcher.process.returncode, 0)
        finally:
            self.launcher.process.stdout.close()
            leftovers = processes_with(self.token)
            shutil.rmtree(self.root, ignore_errors=True)
        self.assertEqual(leftovers, [])

    def assert_failed(self, job, stage, error):
        self.assertEqual((job.pid, job.reply.stage, job.reply.errno), (0, stage, error))
        if job.folder.exists():
            self.assertEqual(sorted(set(p.name for p in job.folder.iterdir()) - {"stdin"}), ["shim.lock"])
            self.assertEqual(job.lock_state(), b"")
