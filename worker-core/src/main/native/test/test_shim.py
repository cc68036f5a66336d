#!/usr/bin/env python3
"""Tests of the helper against PROTOCOL.md, without a JVM: python3 test_shim.py [-v] [Class[.test]]

JOB_SHIM names the binary, by default the committed one. Some tests need root and say so."""

import contextlib
import errno
import fcntl
import hashlib
import os
import pathlib
import random
import resource
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
import unittest

from harness import *

needs_root = unittest.skipUnless(os.geteuid() == 0, "needs root")
NOBODY = 65534


def perl(script, *arguments):
    return ["/usr/bin/perl", "-e", "$| = 1; " + script, *map(str, arguments)]


def sh(script, *arguments):
    return ["/bin/sh", "-c", script, *map(str, arguments)]


class Start(ShimTest):
    def test_start_ofProgram_repliesWithPidAndMakesFiles(self):
        job = self.launcher.start(sh("read x; exit 3"), start_id=2**64 - 2, flags=STDIN_FILE, folder=self.folder_with_stdin(b"x\n"))
        self.assertEqual((job.reply.start_id, job.reply.zero), (2**64 - 2, 0))
        self.assertEqual(job.lock_state(), b"S")
        record = job.wait()
        self.assertEqual((record["version"], record["pid"], record["exit"], record["cause"]), (1, job.pid, {"code": 3}, "OWN_ACCORD"))
        self.assertNotIn("requestedBy", record)
        self.assertLessEqual(record["startTimeMicros"], record["endTimeMicros"])
        self.assertEqual(job.reply.start_micros, record["startTimeMicros"])
        self.assertGreater(record["peakMemoryBytes"], 0)
        self.assertEqual(
            sorted(p.name for p in job.folder.iterdir()), ["exit.json", "output", "output.index", "shim.lock", "shim.sock", "stdin"]
        )
        for name in ("exit.json", "output", "output.index", "shim.sock"):
            self.assertEqual(stat.S_IMODE((job.folder / name).stat().st_mode), 0o600, name)

    def folder_with_stdin(self, data):
        folder = self.launcher.new_folder()
        (folder / "stdin").write_bytes(data)
        return folder

    def test_exit_ofEveryKind_isToldApart(self):
        for code in (0, 1, 126, 127, 128, 137, 255):
            self.assertEqual(self.launcher.start(sh(f"exit {code}")).wait()["exit"], {"code": code})
        for number in (signal.SIGSEGV, signal.SIGKILL, signal.SIGXCPU, signal.SIGTERM, 64):
            record = self.launcher.start(perl(f"kill {int(number)}, $$; sleep 100"), limits=[(resource.RLIMIT_CORE, 0, 0)]).wait()
            self.assertEqual(record["exit"], {"signal": number, "coreDumped": False})

    def test_failures_ofExec_areReportedWithErrno(self):
        def program(name, content, mode):
            path = self.root / name
            path.write_bytes(content)
            path.chmod(mode)
            return str(path)

        cases = [
            ("/no/such/program", errno.ENOENT),
            ("no-such-program", errno.ENOENT),
            ("", errno.ENOENT),
            ("/", errno.EACCES),
            (program("plain", b"#!/bin/sh\n", 0o644), errno.EACCES),
            (program("headless", b"echo hello\n", 0o755), errno.ENOEXEC),
            (program("orphan", b"#!/no/such/interpreter\n", 0o755), errno.ENOENT),
            ("/etc/passwd/x", errno.ENOTDIR),
        ]
        for name, error in cases:
            with self.subTest(name):
                self.assert_failed(self.launcher.try_start([name]), S_EXEC, error)
        self.assert_failed(self.launcher.try_start(["/bin/echo", "x" * 200_000]), S_EXEC, errno.E2BIG)
        self.assert_failed(self.launcher.try_start(["plain"], env=["PATH=/no:" + str(self.root)]), S_EXEC, errno.EACCES)

    def test_bareName_isLookedUpInThePathOfTheJob(self):
        self.assertEqual(self.launcher.start(["true"], env=["X=1", "PATH=/none:/usr/bin:/bin"]).wait()["exit"], {"code": 0})
        self.assert_failed(self.launcher.try_start(["true"], env=["PATHS=/bin"]), S_EXEC, errno.ENOENT)
        self.assert_failed(self.launcher.try_start(["true"], env=["PATH=" + "x" * 5000]), S_EXEC, errno.ENOENT)
        (self.root / "here").symlink_to("/bin/true")
        self.assertEqual(self.launcher.start(["here"], env=["PATH=/none:"], directory=str(self.root)).wait()["exit"], {"code": 0})

    def test_programStillOpenForWriting_isRetriedThenRefused(self):
        path = self.root / "busy"
        shutil.copy("/bin/true", path)
        with open(path, "ab"):
            started = time.monotonic()
            self.assert_failed(self.launcher.try_start([str(path)]), S_EXEC, errno.ETXTBSY)
            self.assertLess(time.monotonic() - started, 2)
            folder = self.launcher.new_folder()
            self.launcher.send(self.launcher.request([str(path)], folder))
            os.stat(folder)  # and then let go of it: at once, or a little later, it does not matter
        reply = self.launcher.reply()
        self.assertGreater(reply.pid, 0)
        Job(folder, reply).wait()

    def test_failures_beforeExec_areReportedWithStage(self):
        start = self.launcher.try_start
        self.assert_failed(start(["true"], directory="/no/such"), S_DIRECTORY, errno.ENOENT)
        self.assert_failed(start(["true"], directory="/etc/passwd"), S_DIRECTORY, errno.ENOTDIR)
        self.assert_failed(start(["true"], limits=[(99, 1, 1)]), S_LIMIT, errno.EINVAL)
        self.assert_failed(start(["true"], limits=[(resource.RLIMIT_CPU, 2, 1)]), S_LIMIT, errno.EINVAL)
        self.assert_failed(start(["true"], flags=STDIN_FILE), S_STDIO, errno.ENOENT)
        for user in ("no-such-account", "4294967295", "1:", ":1", "1:2:3", "-1", "99999999999", "1 "):
            with self.subTest(user):
                self.assert_failed(start(["true"], user=user), S_USER, errno.ENOENT)

    def test_failures_ofTheFolder_leaveItAsItWas(self):
        self.assert_failed(self.launcher.try_start(["true"], folder="/no/such"), S_FOLDER, errno.ENOENT)
        folder = self.launcher.new_folder()
        (folder / "shim.lock").unlink()
        job = self.launcher.try_start(["true"], folder=folder)
        self.assertEqual((job.reply.stage, job.reply.errno, os.listdir(folder)), (S_FOLDER, errno.ENOENT, []))
        folder = self.launcher.new_folder()
        with open(folder / "shim.lock", "rb+") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            self.assert_failed(self.launcher.try_start(["true"], folder=folder), S_FOLDER, errno.EAGAIN)
        folder = self.launcher.new_folder()
        (folder / "output.index").write_bytes(b"precious")
        job = self.launcher.try_start(["true"], folder=folder)
        self.assertEqual((job.reply.stage, job.reply.errno), (S_FOLDER, errno.EEXIST))
        self.assertEqual(sorted(os.listdir(folder)), ["output.index", "shim.lock"])
        self.assertEqual((folder / "output.index").read_bytes(), b"precious")

    def test_folder_inUse_isRefusedAndItsJobUndisturbed(self):
        job = self.launcher.start(["sleep", "1000"])
        again = self.launcher.try_start(["true"], folder=job.folder)
        self.assertEqual((again.reply.stage, again.reply.errno), (S_FOLDER, errno.EADDRINUSE))
        connection = job.connect()
        connection.stop(grace=0)
        self.assertEqual(job.wait(connection)["exit"], {"signal": 9, "coreDumped": False})

    def test_folder_withAVeryLongPath_works(self):
        folder = self.root / "/".join(["x" * 200] * 15)
        folder.mkdir(parents=True)
        (folder / "shim.lock").touch()
        self.assertEqual(self.launcher.start(["true"], folder=folder).wait()["exit"], {"code": 0})

    @needs_root
    def test_failures_ofAnUnprivilegedWorker_areReportedWithStage(self):
        self.root.chmod(0o777)
        launcher = self.new_launcher(user=NOBODY, group=NOBODY, extra_groups=[])

        def start(**options):
            folder = launcher.new_folder()
            for path in (folder, folder / "shim.lock"):
                os.chown(path, NOBODY, NOBODY)
            return launcher.try_start(["true"], folder=folder, **options)

        self.assertEqual(start().wait()["exit"], {"code": 0})
        self.assert_failed(start(user="root"), S_USER, errno.EPERM)
        self.assert_failed(start(nice=-5), S_NICE, errno.EACCES)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.assert_failed(start(limits=[(resource.RLIMIT_NOFILE, soft, hard + 1)]), S_LIMIT, errno.EPERM)
        launcher.close()

    @needs_root
    def test_forkRefused_isReportedWithStage(self):
        launcher = self.new_launcher(
            user=NOBODY, group=NOBODY, extra_groups=[], env={"ASAN_OPTIONS": "detect_leaks=0"},  # which would fork itself
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
        )
        folder = launcher.new_folder()
        for path in (folder, folder / "shim.lock"):
            os.chown(path, NOBODY, NOBODY)
        self.assert_failed(launcher.try_start(["true"], folder=folder), S_FORK, errno.EAGAIN)
        self.assertEqual(launcher.close(), 0)

    @needs_root
    def as_another_user(self, perl_script, uid):
        """A process of that user, which prints one line when it has begun."""
        process = subprocess.Popen(perl(perl_script), user=uid, group=uid, extra_groups=[], stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.read(1), b"r")
        return process

    @needs_root
    def test_childKilledBeforeItsExec_isAFailedStart(self):
        self.as_another_user("print 'r'; kill 9, -1 while 1", 61237)
        failures = []
        while len(failures) < 100 or (errno.ECHILD not in failures and len(failures) < 5000):
            job = self.launcher.try_start(["/nonexistent"], user="61237")
            self.assert_failed(job, S_EXEC, job.reply.errno)
            failures.append(job.reply.errno)
        self.assertLessEqual(set(failures), {errno.ENOENT, errno.ECHILD})
        self.assertIn(errno.ECHILD, failures, "the other user never met a child")

    @needs_root
    def test_execThatDoesNotComeToAnEnd_isAFailedStart(self):
        program = self.root / "leased"
        shutil.copy("/bin/true", program)
        before = signal.signal(signal.SIGIO, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGIO, before)
        with open(program, "rb+") as lease:
            fcntl.fcntl(lease, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            self.assert_failed(self.launcher.try_start([str(program)]), S_EXEC, errno.ETIMEDOUT)
            lease.close()
        self.assertEqual(self.launcher.start([str(program)]).wait()["exit"], {"code": 0})

    def test_fullDisk_isAFailedStart(self):
        with tiny_tmpfs(self.root / "tiny", 8) as folder:
            (folder / "shim.lock").touch()
            (folder / "filler").write_bytes(b"x" * 8192)
            job = self.launcher.try_start(["true"], folder=folder)
            self.assertEqual((job.reply.stage, job.reply.errno), (S_FOLDER, errno.ENOSPC))
            self.assertEqual(sorted(os.listdir(folder)), ["filler", "shim.lock"])

    def test_starts_manyAtOnce_areEachAnsweredOnce(self):
        folders = {number: self.launcher.new_folder() for number in range(200)}
        frames = b"".join(
            (lambda f: u32(len(f)) + f)(self.launcher.request(sh(f"exit {n % 7}"), folder, start_id=n)) for n, folder in folders.items()
        )
        writer = threading.Thread(target=self.launcher.write, args=(frames,))
        writer.start()
        replies = [self.launcher.reply() for _ in folders]
        writer.join()
        self.assertEqual(sorted(r.start_id for r in replies), list(folders))
        for reply in replies:
            self.assertEqual(Job(folders[reply.start_id], reply).wait()["exit"], {"code": reply.start_id % 7})


class Requests(ShimTest):
    def refuse(self, frame, start_id=77, error=errno.EPROTO):
        self.launcher.send(frame)
        reply = self.launcher.reply()
        self.assertEqual((reply.start_id, reply.pid, reply.stage, reply.errno), (start_id, 0, S_REQUEST, error))

    def test_malformedRequests_areRefusedAndTheNextIsServed(self):
        folder = self.launcher.new_folder()
        good = lambda **options: self.launcher.request(["true"], folder, start_id=77, **options)
        head = field(PROTOCOL, u32(2)) + field(START_ID, u64(77))
        for frame in (b"", b"\1", field(START_ID, u64(77)) + field(PROTOCOL, u32(2)), field(PROTOCOL, b"\2"), field(PROTOCOL, u32(2)),
                      field(PROTOCOL, u32(2)) + field(START_ID, u32(77)), b"\1\xff\xff\xff\xff"):
            self.refuse(frame, start_id=0)
        self.refuse(head)
        self.refuse(field(PROTOCOL, u32(1)) + good()[9:])
        for tag in (FOLDER, ARGUMENT, DIRECTORY, UMASK, FLAGS, TIME_LIMIT, GRACE, OUTPUT_LIMIT, STOP_SIGNAL):
            self.refuse(good(without=[tag]))
        repeated = [field(STOP_SIGNAL, u32(15)), field(PROTOCOL, u32(2)), field(START_ID, u64(77)), field(FOLDER, b"/x"), field(DIRECTORY, b"/"), field(UMASK, u32(0)),
                    field(FLAGS, u32(0)), field(GRACE, u64(0)), field(TIME_LIMIT, u64(0)), field(OUTPUT_LIMIT, u64(0))]
        unknown = [field(0, b""), field(16, b""), field(255, b"x")]
        ill_sized = [field(NICE, b""), field(NICE, b"12345"), field(LIMIT, b"x" * 19), field(USER, b""), b"\4", b"\4\1\0\0\0", b"\4\xff\xff\xff\x7f"]
        ill_valued = [field(NICE, struct.pack("<i", 20)), field(NICE, struct.pack("<i", -21)), field(ENVIRONMENT, b"X"), field(ENVIRONMENT, b"=X"),
                      field(ENVIRONMENT, b""), field(ENVIRONMENT, b"X=\0"), field(ARGUMENT, b"a\0b"), field(USER, b"\0")]
        for extra in repeated + unknown + ill_sized + ill_valued + [field(LIMIT, bytes(20)) * 17]:
            with self.subTest(extra):
                self.refuse(good(extra=extra))
        for options in ({"flags": 512}, {"flags": STDIN_FILE | STDIN_PIPE}, {"umask": 0o1000}, {"directory": "relative"}, {"directory": ""}):
            self.refuse(good(**options))
        self.refuse(self.launcher.request(["true"], "relative", start_id=77))
        self.assertEqual(self.launcher.start(["true"], folder=folder).wait()["exit"], {"code": 0})

    def test_request_inSingleBytes_isServed(self):
        folder = self.launcher.new_folder()
        frame = self.launcher.request(sh("echo hello"), folder)
        for byte in u32(len(frame)) + frame:
            self.launcher.write(bytes([byte]))
        job = Job(folder, self.launcher.reply())
        job.wait()
        self.assertEqual(job.output(), b"hello\n")

    def test_request_ofGreatestSize_isServed(self):
        folder = self.launcher.new_folder()
        empty = self.launcher.request(sh("env | wc -c"), folder)
        room = (2 << 20) - len(empty)
        count, size = 20, room // 20
        env = [f"V{i:02}=" + "x" * (size - 9) for i in range(count)]
        pad = (2 << 20) - len(self.launcher.request(sh("env | wc -c"), folder, env=["PATH=/usr/bin:/bin"] + env))
        env[0] += "x" * pad
        frame = self.launcher.request(sh("env | wc -c"), folder, env=["PATH=/usr/bin:/bin"] + env, limits=())
        self.assertEqual(len(frame), 2 << 20)
        writer = threading.Thread(target=self.launcher.send, args=(frame,))
        writer.start()
        reply = self.launcher.reply()
        writer.join()
        if reply.pid:  # the kernel allows a quarter of the stack limit, and 128 KiB for one string
            job = Job(folder, reply)
            job.wait()
            self.assertGreater(int(job.output()), 2_000_000)
        else:
            self.assertEqual((reply.stage, reply.errno), (S_EXEC, errno.E2BIG))

    def test_request_overTheLimit_endsTheLauncherAsTheEndOfItsInputDoes(self):
        launcher = self.new_launcher(stderr=subprocess.DEVNULL)
        job = launcher.start(["sleep", "1000"], flags=DIE_WITH_WORKER)
        launcher.write(u32((2 << 20) + 1))
        self.assertEqual(launcher.process.wait(PATIENCE), 0)
        self.assertEqual(job.record()["cause"], "WORKER_SHUTDOWN")
        launcher.close()

    def test_partialRequest_atTheEnd_isDropped(self):
        launcher = self.new_launcher()
        folder = launcher.new_folder()
        frame = launcher.request(["true"], folder)
        launcher.write((u32(len(frame)) + frame)[:-1])
        self.assertEqual(launcher.close(), 0)
        self.assertEqual(os.listdir(folder), ["shim.lock"])

    def test_environment_isExactlyTheGivenOneInOrder(self):
        variables = ["B=2", "A=1", "EMPTY=", "U=\udcff\udcfe", "SPACE=a b\nc"]
        job = self.launcher.start(["/bin/cat", "/proc/self/environ"], env=variables)
        job.wait()
        self.assertEqual(job.output(), b"".join(os.fsencode(v) + b"\0" for v in variables))
        job = self.launcher.start(["/bin/cat", "/proc/self/environ"], env=[])
        job.wait()
        self.assertEqual(job.output(), b"")

    def test_arguments_areExact(self):
        arguments = ["", "a b", "\udcff", "-x", "'\"$(x)"]
        job = self.launcher.start(perl('print join("\\0", @ARGV)', "--", *arguments))
        job.wait()
        self.assertEqual(job.output(), b"\0".join(map(os.fsencode, arguments)))


class CleanChild(ShimTest):
    # In Perl for all but the signals: it ignores SIGFPE itself.
    PROBE = (
        "opendir(my $d, '/proc/self/fd'); my @f; for (sort readdir $d) { next if /^\\./; my $t = readlink \"/proc/self/fd/$_\"; push @f, $_ unless $t =~ m{^/proc/} }"
        " print \"fds=@f\\n\"; print 'nice=', getpriority(0, 0), \"\\n\"; print 'stat=', join(' ', (split ' ', `cat /proc/$$/stat`)[3..6]), \"\\n\";"
        " print 'cwd=', readlink('/proc/self/cwd'), \"\\n\"; print 'stdin=', readlink('/proc/self/fd/0'), \"\\n\";"
    )

    def probe(self, launcher, **options):
        text = ""
        for program in (["/bin/cat", "/proc/self/status", "/proc/self/limits"], perl(self.PROBE)):
            job = launcher.start(program, **options)
            job.wait()
            text += job.output().decode()
        facts = {}
        for line in text.splitlines():
            name, _, value = line.partition("=" if "=" in line else ":")
            facts[name] = value.strip()
        facts["limits"] = {line[:26].strip(): line[26:].split()[:2] for line in text.splitlines() if line.startswith("Max ")}
        return job, facts

    def assert_clean(self, job, facts):
        self.assertEqual(facts["fds"], "0 1 2")
        for name in ("SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd"):
            self.assertEqual(int(facts[name], 16), 0, name)
        parent, group, session, terminal = map(int, facts["stat"].split())
        self.assertEqual((group, session, terminal), (job.pid, job.pid, 0))
        self.assertEqual(facts["stdin"], "/dev/null")

    def test_child_ofATidyWorker_isClean(self):
        self.assert_clean(*self.probe(self.launcher))

    def test_child_ofAnUntidyWorker_isClean(self):
        leaks = [os.open("/dev/null", os.O_RDWR) for _ in range(20)]

        def spoil():
            for number in range(1, 65):
                if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
                    signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            os.umask(0o077)
            os.chdir("/tmp")

        launcher = self.new_launcher(pass_fds=leaks, preexec_fn=spoil)
        for descriptor in leaks:
            os.close(descriptor)
        job, facts = self.probe(launcher)
        self.assert_clean(job, facts)
        self.assertEqual((facts["Umask"], facts["cwd"]), ("0022", "/"))
        self.assertEqual(launcher.close(), 0)

    def test_child_hasWhatWasAsked(self):
        job, facts = self.probe(
            self.launcher, umask=0o137, nice=7, directory=str(self.root), flags=NO_NEW_PRIVILEGES,
            limits=[(resource.RLIMIT_CORE, 0, 0), (resource.RLIMIT_FSIZE, 12345678, INFINITY), (resource.RLIMIT_CPU, 100, 200)],
        )
        self.assert_clean(job, facts)
        self.assertEqual((facts["Umask"], facts["nice"], facts["cwd"], facts["NoNewPrivs"]), ("0137", "7", str(self.root), "1"))
        self.assertEqual(facts["limits"]["Max core file size"], ["0", "0"])
        self.assertEqual(facts["limits"]["Max file size"], ["12345678", "unlimited"])
        self.assertEqual(facts["limits"]["Max cpu time"], ["100", "200"])

    def check_file_limit(self, soft, expected):
        launcher = self.new_launcher(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, 2345)))
        _, facts = self.probe(launcher)
        self.assertEqual(facts["limits"]["Max open files"], [expected, "2345"])
        self.assertIn("2345                 2345", pathlib.Path(f"/proc/{launcher.process.pid}/limits").read_text())
        launcher.close()

    def test_child_hasTheSoftFileLimitOfTheWorker(self):
        self.check_file_limit(234, "234")

    def test_child_ofAJvm_hasNotItsRaisedFileLimit(self):
        self.check_file_limit(2345, "1024")

    @needs_root
    def test_child_ofAWorkerWithCapabilities_hasNone(self):
        self.root.chmod(0o777)
        powers = "+kill,+setuid,+setgid"
        launcher = Launcher(self.root, command=["setpriv", "--reuid=61237", "--regid=61237", "--clear-groups", "--inh-caps", powers,
                                                "--ambient-caps", powers, HELPER, "launcher"])
        self.addCleanup(launcher.abandon)
        for user in (None, "61238:61238"):
            folder = launcher.new_folder()
            for path in (folder, folder / "shim.lock"):
                os.chown(path, 61237, 61237)
            job = launcher.start(["/bin/cat", "/proc/self/status"], folder=folder, user=user)
            job.wait()
            status = job.output().decode()
            with self.subTest(user):
                for name in ("CapEff", "CapPrm", "CapAmb"):
                    self.assertIn(f"{name}:\t{0:016x}\n", status)
        launcher.close()

    @needs_root
    def test_child_ofAUser_hasItsIds(self):
        for user, uid, gid, groups in (("nobody", 65534, 65534, "65534"), ("12345", 12345, 12345, ""), ("12345:54321", 12345, 54321, ""),
                                       ("1", 1, 1, "1"), ("1:0", 1, 0, "")):
            _, facts = self.probe(self.launcher, user=user)
            with self.subTest(user):
                self.assertEqual((facts["Uid"].split(), facts["Gid"].split()), ([str(uid)] * 4, [str(gid)] * 4))
                self.assertEqual(facts["Groups"].strip(), groups)


class tiny_tmpfs:
    def __init__(self, path, kib):
        self.path, self.kib = path, kib

    def __enter__(self):
        self.path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.kib}k", "tmpfs", str(self.path)], check=True)
        return self.path

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", str(self.path)], check=True)


class Output(ShimTest):
    def test_bothStreams_binary_areExactAndIndexed(self):
        script = "for my $i (1..3000) { my $b = pack('C*', map { ($i * 7 + $_) & 255 } 0..($i % 301)); syswrite($i % 3 ? STDOUT : STDERR, $b) }"
        job = self.launcher.start(perl(script))
        record = job.wait()
        out, err = bytearray(), bytearray()
        for i in range(1, 3001):
            (out if i % 3 else err).extend((i * 7 + k) & 255 for k in range(i % 301 + 1))
        self.assertEqual((job.stream(False), job.stream(True)), (bytes(out), bytes(err)))
        self.assertEqual((record["stdoutBytes"], record["stderrBytes"]), (len(out), len(err)))
        self.assertEqual(len(job.output()), len(out) + len(err))
        self.assertEqual((record["truncatedBytes"], record["earliestOffset"], record["writeErrno"]), (0, 0, 0))

    def test_output_ofManyMegabytes_isExact(self):
        job = self.launcher.start(perl("my $b = pack('N*', 0..16383); for (1..3000) { syswrite STDOUT, $b or die }"))
        record = job.wait()
        self.assertEqual(record["stdoutBytes"], 3000 * 65536)
        self.assertEqual(hashlib.sha256(job.output()).digest(), hashlib.sha256(struct.pack(">16384I", *range(16384)) * 3000).digest())
        self.assertEqual(job.index()[-1][2], 3000 * 65536)

    def test_record_isExtendedOnlyWithinItsBounds(self):
        job = self.launcher.start(perl("for (1..20000) { syswrite STDOUT, 'x' x 50 }"))
        job.wait()
        index = job.index()
        self.assertEqual(index[-1][2], 1_000_000)
        self.assertLess(len(index), 20000)
        job = self.launcher.start(perl("syswrite STDOUT, 'a'; select(undef, undef, undef, 0.05); syswrite STDOUT, 'b'"))
        record = job.wait()
        first, second = job.index()
        self.assertGreaterEqual(second[3] - first[3], 40_000)
        self.assertLessEqual(record["startTimeMicros"], first[3])

    def test_merge_keepsTheExactOrderInOneStream(self):
        job = self.launcher.start(sh("for i in 1 2 3 4 5; do echo o$i; echo e$i >&2; done"), flags=MERGE)
        record = job.wait()
        self.assertEqual(job.output(), b"".join(b"o%d\ne%d\n" % (i, i) for i in range(1, 6)))
        self.assertEqual((record["stdoutBytes"], record["stderrBytes"]), (30, 0))

    def test_status_tellsOfOutputOnlyAfterItIsInTheFiles(self):
        job = self.launcher.start(perl("kill 'STOP', $$; for (1..50) { syswrite STDOUT, 'x' x 1000; syswrite STDERR, 'y' x 10 }"))
        connection = job.connect()
        connection.next()
        while not pathlib.Path(f"/proc/{job.pid}/stat").read_text().rpartition(")")[2].startswith(" T"):
            time.sleep(0.001)  # SIGCONT before SIGSTOP would be lost
        connection.signal(signal.SIGCONT)
        try:
            while True:
                status = connection.next()
                self.assertGreaterEqual(len(job.output()), status.stdout + status.stderr)
                self.assertGreaterEqual(job.index()[-1][2] if job.index() else 0, status.stdout + status.stderr)
        except Ended:
            pass
        self.assertEqual((connection.status.stdout, connection.status.stderr), (50_000, 500))

    def test_devStdout_reopened_keepsEarlierOutput(self):
        script = "echo one; echo two > /dev/stdout; echo three | tee /dev/stderr; echo four > /dev/stderr; echo five"
        users = [None, "nobody", "12345:12345"] if os.geteuid() == 0 else [None]
        for user in users:
            job = self.launcher.start(sh(script), user=user)
            record = job.wait()
            with self.subTest(user):
                self.assertEqual(record["exit"], {"code": 0}, job.output())
                self.assertEqual((job.stream(False), job.stream(True)), (b"one\ntwo\nthree\nfive\n", b"three\nfour\n"))

    def test_limit_keepsATruePrefixAndNeverBlocks(self):
        job = self.launcher.start(perl("for (1..1000) { syswrite STDOUT, 'x' x 999; syswrite STDERR, 'y' }"), output_limit=12345)
        record = job.wait()
        self.assertEqual((record["exit"], record["cause"]), ({"code": 0}, "OWN_ACCORD"))
        self.assertEqual(record["stdoutBytes"] + record["stderrBytes"], 12345)
        self.assertEqual(record["truncatedBytes"], 1_000_000 - 12345)
        self.assertEqual((len(job.output()), job.index()[-1][2], record["writeErrno"]), (12345, 12345, 0))

    def test_limit_reachedExactly_isNoTruncation(self):
        job = self.launcher.start(sh("printf 12345"), output_limit=5, flags=KILL_AT_OUTPUT_LIMIT)
        record = job.wait()
        self.assertEqual((record["exit"], record["cause"], record["truncatedBytes"]), ({"code": 0}, "OWN_ACCORD", 0))
        record = self.launcher.start(sh("printf 1"), output_limit=0).wait()
        self.assertEqual((record["stdoutBytes"], record["truncatedBytes"]), (0, 1))

    def test_limit_thatKills_endsTheJob(self):
        job = self.launcher.start(["yes"], output_limit=100_000, flags=KILL_AT_OUTPUT_LIMIT)
        record = job.wait()
        self.assertEqual((record["exit"], record["cause"], record["graceExceeded"]), ({"signal": 15, "coreDumped": False}, "OUTPUT_LIMIT", False))
        self.assertEqual(len(job.output()), 100_000)
        job = self.launcher.start(sh("trap '' TERM; yes"), output_limit=100_000, flags=KILL_AT_OUTPUT_LIMIT, grace=50)
        record = job.wait()
        self.assertEqual((record["exit"], record["cause"], record["graceExceeded"]), ({"signal": 9, "coreDumped": False}, "OUTPUT_LIMIT", True))

    def test_index_doesNotOutgrowItsLimit(self):
        job = self.launcher.start(perl("while (1) { syswrite STDOUT, 'o'; syswrite STDERR, 'e' }"), output_limit=500_000)
        connection = job.connect()
        connection.until(lambda s: s.truncated > 0)
        connection.stop(grace=0)
        job.wait(connection)
        self.assertLessEqual((job.folder / "output.index").stat().st_size, 1 << 20)
        self.assertEqual(job.index()[-1][2], len(job.output()))

    @needs_root
    def test_fullDisk_truncatesAndTheJobGoesOn(self):
        for size in (28, 40, 64, 100):
            path = self.root / f"tiny{size}"
            with self.subTest(size), tiny_tmpfs(path, size) as folder:
                (folder / "shim.lock").touch()
                job = self.launcher.start(perl("for (1..1000) { syswrite STDOUT, 'x' x 997; syswrite STDERR, 'y' x 3 }"), folder=folder, flags=SYNC)
                record = job.wait()
                self.assertEqual((record["exit"], record["writeErrno"]), ({"code": 0}, errno.ENOSPC))
                kept = record["stdoutBytes"] + record["stderrBytes"]
                self.assertEqual(kept + record["truncatedBytes"], 1_000_000)
                self.assertEqual(len(job.output()), kept)
                self.assertEqual(job.index()[-1][2] if job.index() else 0, kept)

    def test_fileSizeLimitOfTheWorker_truncates(self):
        launcher = self.new_launcher(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)))
        job = launcher.start(perl("for (1..1000) { syswrite STDOUT, 'x' x 1000 }"))
        record = job.wait()
        self.assertEqual((record["exit"], record["writeErrno"], record["stdoutBytes"]), ({"code": 0}, errno.EFBIG, 100_000))
        self.assertEqual(launcher.close(), 0)

    def test_usage_countsTheWholeTree(self):
        job = self.launcher.start(sh("perl -e 'my $x = q(x) x 50_000_000; my $t = times; 1 while times - $t < 0.3' & wait"))
        record = job.wait()
        self.assertGreater(record["userCpuMicros"] + record["systemCpuMicros"], 250_000)
        self.assertGreater(record["peakMemoryBytes"], 50_000_000)


class Control(ShimTest):
    def test_connection_getsTheStatusAtOnce(self):
        job = self.launcher.start(sh("echo hello; sleep 1000"))
        connection = job.connect()
        status = connection.until(lambda s: s.stdout == 6)
        self.assertEqual((status.protocol, status.pid, status.phase, status.cause), (2, job.pid, 0, OWN_ACCORD))
        self.assertEqual(status.start_micros, job.reply.start_micros)
        again = job.connect()
        self.assertEqual(again.next().stdout, 6)
        connection.until_end()  # replaced
        again.stop(name="näme".encode())
        status = again.next()
        self.assertEqual((status.phase, status.cause), (1, STOP_REQUEST))
        record = job.wait(again)
        self.assertEqual((record["exit"], record["cause"], record["requestedBy"]), ({"signal": 15, "coreDumped": False}, "STOP_REQUEST", "näme"))
        self.assertFalse(record["graceExceeded"])

    def test_illFormedOrders_closeTheConnectionOnly(self):
        job = self.launcher.start(["sleep", "1000"])
        stop = lambda cause=1, number=15: struct.pack("<BBBQ", 1, cause, number, 0)
        bad = [b"", b"\0", b"\3", b"\2", b"\2\0", b"\2\x41", b"\2\x0f\0", stop()[:-1], stop(cause=0), stop(cause=2), stop(cause=5), stop(number=0),
               stop(number=65), stop() + b"x" * 513, b"\5" + bytes(8), b"\3" + bytes(7), b"\4" + bytes(9)]
        for order in bad:
            with self.subTest(order):
                connection = job.connect()
                connection.next()
                connection.send(order)
                connection.until_end()
        connection = job.connect()
        connection.socket.sendall(u32(9 + INPUT_MAX + 1))
        connection.until_end()
        connection = job.connect()
        connection.socket.sendall(b"\xff\xff")  # half a length, and gone
        connection.socket.close()
        connection = job.connect()
        for byte in u32(2) + b"\2\x0f":
            connection.socket.sendall(bytes([byte]))
        self.assertEqual(job.wait(connection)["exit"], {"signal": 15, "coreDumped": False})

    def test_order_ofAWorkerThatIsGoneAtOnce_isObeyed(self):
        for _ in range(50):
            job = self.launcher.start(["sleep", "1000"])
            connection = job.connect()
            connection.stop(grace=0)
            connection.socket.close()
            self.assertEqual(job.wait()["cause"], "STOP_REQUEST")

    def test_orders_inOneWrite_areAllObeyed(self):
        job = self.launcher.start(perl("$SIG{USR1} = sub { syswrite STDOUT, '1' }; $SIG{USR2} = sub { syswrite STDOUT, '2' }; print 'r'; sleep 1000 while 1"))
        connection = job.connect()
        connection.until(lambda s: s.stdout == 1)
        orders = b"".join(u32(2) + bytes([2, n]) for n in (signal.SIGUSR1, signal.SIGUSR2))
        connection.socket.sendall(orders)
        connection.until(lambda s: s.stdout == 3)
        connection.stop()
        job.wait(connection)
        self.assertEqual(sorted(job.output()), sorted(b"r12"))

    def test_worker_thatNeverReads_delaysNothing(self):
        job = self.launcher.start(perl("for (1..20000) { syswrite STDOUT, 'x'; syswrite STDERR, 'y' } print 'end'; sleep 1000"))
        deaf = job.connect()
        descriptor = os.open(job.folder / "output", os.O_RDONLY)
        while os.fstat(descriptor).st_size < 40003:  # no event is to be had without reading
            time.sleep(0.005)
        os.close(descriptor)
        statuses = []
        while not statuses or statuses[-1].stdout + statuses[-1].stderr < 40003:
            statuses.append(deaf.next())
        self.assertLess(len(statuses), 40000)
        deaf.stop()
        self.assertEqual(job.wait(deaf)["exit"], {"signal": 15, "coreDumped": False})

    @needs_root
    def test_strangers_areHungUpOn(self):
        job = self.launcher.start(["sleep", "1000"])
        (job.folder / "shim.sock").chmod(0o777)
        script = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); sys.exit(s.recv(1) != b'')"
        result = subprocess.run(["/usr/bin/python3", "-c", script, str(job.folder / "shim.sock")], user=NOBODY, group=NOBODY, extra_groups=[])
        self.assertEqual(result.returncode, 0)
        connection = job.connect()
        connection.stop(grace=0)
        job.wait(connection)

    def test_requester_ofAnyBytes_staysValidJson(self):
        names = {b"": "", b'q"b\\s\n\0\x1f\x7f': 'q"b\\s\n\0\x1f\x7f', b"\xff\xc0\xaf\xed\xa0\x80x\xe2\x82": "\ufffd" * 6 + "x" + "\ufffd" * 2,
                 "\U0001f600é".encode(): "\U0001f600é", b"\1" * 512: "\1" * 512, b"\xf4\x90\x80\x80": "\ufffd" * 4}
        for name, expected in names.items():
            job = self.launcher.start(["sleep", "1000"])
            connection = job.connect()
            connection.stop(name=name, cause=WORKER_SHUTDOWN)
            record = job.wait(connection)
            self.assertEqual((record["requestedBy"], record["cause"]), (expected, "WORKER_SHUTDOWN"))
            self.assertLessEqual((job.folder / "exit.json").stat().st_size, 4096)


class Stop(ShimTest):
    def stubborn(self, **options):
        job = self.launcher.start(perl("$SIG{TERM} = $SIG{INT} = $SIG{HUP} = 'IGNORE'; print 'r'; sleep 1000 while 1"), **options)
        connection = job.connect()
        connection.until(lambda s: s.stdout == 1)
        return job, connection

    def test_stop_ofAStubbornJob_killsAfterTheGracePeriod(self):
        job, connection = self.stubborn()
        started = time.monotonic()
        connection.stop(grace=200)
        record = job.wait(connection)
        took = time.monotonic() - started
        self.assertEqual((record["exit"], record["graceExceeded"]), ({"signal": 9, "coreDumped": False}, True))
        self.assertTrue(0.19 <= took < 2, took)

    def test_stop_repeated_keepsTheFirstCauseAndTheEarlierDeadline(self):
        job, connection = self.stubborn()
        connection.stop(grace=1_000_000, name=b"first")
        connection.stop(grace=2**64 - 1, name=b"second", cause=WORKER_SHUTDOWN)
        connection.stop(grace=50, name=b"third")
        connection.stop(grace=1_000_000, name=b"fourth")
        record = job.wait(connection)
        self.assertEqual((record["requestedBy"], record["cause"], record["graceExceeded"]), ("first", "STOP_REQUEST", True))

    def test_stop_ofAStoppedJob_letsItsHandlerRun(self):
        job = self.launcher.start(perl("$SIG{TERM} = sub { print 'bye'; exit 4 }; print 'r'; kill 'STOP', $$; sleep 1000 while 1"))
        connection = job.connect()
        connection.until(lambda s: s.stdout == 1)
        connection.stop(grace=20_000)
        self.assertEqual(job.wait(connection)["exit"], {"code": 4})
        self.assertEqual(job.output(), b"rbye")

    def test_stop_withAnotherSignal_sendsThat(self):
        job = self.launcher.start(["sleep", "1000"])
        connection = job.connect()
        connection.stop(signal=int(signal.SIGINT))
        self.assertEqual(job.wait(connection)["exit"], {"signal": 2, "coreDumped": False})

    def test_timeLimit_stopsTheJob(self):
        started = time.monotonic()
        record = self.launcher.start(["sleep", "1000"], time_limit=100).wait()
        self.assertEqual((record["exit"], record["cause"], record["graceExceeded"]), ({"signal": 15, "coreDumped": False}, "TIMEOUT", False))
        self.assertTrue(0.09 <= time.monotonic() - started < 2)
        record = self.launcher.start(sh("trap '' TERM; while :; do sleep 1; done"), time_limit=100, grace=50).wait()
        self.assertEqual((record["exit"], record["cause"], record["graceExceeded"]), ({"signal": 9, "coreDumped": False}, "TIMEOUT", True))

    def test_timeLimit_duringAStop_doesNotChangeTheCause(self):
        job, connection = self.stubborn(time_limit=100, grace=50)
        connection.stop(grace=1_000_000)
        record = job.wait(connection)
        self.assertEqual((record["cause"], record["graceExceeded"]), ("STOP_REQUEST", True))

    def test_chattyJob_doesNotDelayOrders(self):
        for flags in (0, MERGE):
            job = self.launcher.start(sh("trap '' TERM; yes & yes >&2"), flags=flags, output_limit=1 << 24)
            connection = job.connect()
            connection.until(lambda s: s.truncated > 1 << 20)
            started = time.monotonic()
            connection.stop(grace=100)
            self.assertEqual(job.wait(connection)["exit"], {"signal": 9, "coreDumped": False})
            self.assertLess(time.monotonic() - started, 1)
        started = time.monotonic()
        record = self.launcher.start(["yes"], time_limit=200, output_limit=1 << 20).wait()
        self.assertEqual(record["cause"], "TIMEOUT")
        self.assertLess(time.monotonic() - started, 2)

    def test_timeLimit_isNotHastenedByAStoppedShim(self):
        job = self.launcher.start(["sleep", "0.2"], time_limit=60_000)
        shim = job.shim_pid()
        connection = job.connect()
        os.kill(shim, signal.SIGSTOP)
        os.kill(shim, signal.SIGCONT)
        self.assertEqual(job.wait(connection)["exit"], {"code": 0})

    def test_signals_toTheShim_areIgnored(self):
        job = self.launcher.start(["sleep", "1000"])
        shim, connection = job.shim_pid(), job.connect()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE, signal.SIGALRM, 40):
            os.kill(shim, number)
            os.kill(self.launcher.process.pid, number)
        connection.signal(15)
        self.assertEqual(job.wait(connection)["exit"], {"signal": 15, "coreDumped": False})


class Input(ShimTest):
    def start(self, argv, **options):
        job = self.launcher.start(argv, flags=STDIN_PIPE | options.pop("flags", 0), **options)
        return job, job.connect()

    def test_input_ofManyMegabytes_isExact(self):
        job, connection = self.start(["cat"])
        data = random.Random(1).randbytes(5_000_001)
        self.assertEqual(connection.feed(data), len(data))
        connection.end_input(len(data))
        record = job.wait(connection)
        self.assertEqual(record["exit"], {"code": 0})
        self.assertEqual(record["inputBytes"], len(data))
        self.assertEqual(hashlib.sha256(job.output()).digest(), hashlib.sha256(data).digest())

    def test_input_sentAgain_isTakenOnce(self):
        job, connection = self.start(["cat"])
        connection.input(0, b"abc")
        connection.input(0, b"abc")
        connection.input(1, b"bcd")
        connection.until(lambda s: s.input == 4 | INPUT_IS_OPEN)
        again = job.connect()
        again.input(2, b"cdef")
        again.end_input(6)
        again.end_input(6)
        job.wait(again)
        self.assertEqual(job.output(), b"abcdef")

    def test_input_thatThePipeDidNotTake_isForgottenWithTheConnection(self):
        os.mkfifo(self.root / "gate")
        job, connection = self.start(sh("read go < $0/gate; cat", str(self.root)))
        for offset in range(0, 96 << 10, INPUT_MAX):
            connection.input(offset, b"a" * INPUT_MAX)
        connection.until(lambda s: s.input == (64 << 10) | INPUT_IS_OPEN)
        connection.end_input(96 << 10)
        connection.socket.close()
        again = job.connect()
        again.until(lambda s: s.input == (64 << 10) | INPUT_IS_OPEN)
        again.input(64 << 10, b"b" * 10)
        again.end_input((64 << 10) + 10)
        (self.root / "gate").write_text("go\n")
        self.assertEqual(job.wait(again)["inputBytes"], (64 << 10) + 10)
        self.assertEqual(job.output(), b"a" * (64 << 10) + b"b" * 10)

    def test_input_thatLeavesAGap_closesTheConnectionOnly(self):
        job, connection = self.start(["cat"])
        for order in (lambda c: c.input(1, b"x"), lambda c: c.end_input(1), lambda c: c.input(2**64 - 1, b"xy")):
            connection = job.connect()
            order(connection)
            connection.until_end()
        connection = job.connect()
        connection.input(0, b"good")
        connection.end_input(4)
        job.wait(connection)
        self.assertEqual(job.output(), b"good")

    def test_input_beyondTheWindow_closesTheConnectionOnly(self):
        job, connection = self.start(["sleep", "1000"])
        connection.until(lambda s: s.input == INPUT_IS_OPEN)
        filled = 0
        with self.assertRaises((Ended, BrokenPipeError)):
            while True:
                connection.input(filled, bytes(INPUT_MAX))
                filled += INPUT_MAX
                if filled > 20 * INPUT_WINDOW:
                    break
            connection.until(lambda s: False)
        again = job.connect()
        again.stop(grace=0)
        job.wait(again)

    def test_input_nobodyReads_isToldWithoutHarm(self):
        job, connection = self.start(sh("exec <&-; echo closed; exec sleep 1000"))
        connection.until(lambda s: s.stdout == 7)
        connection.until(lambda s: s.input == 0)
        connection.input(0, b"into the void")
        connection.end_input(13)
        connection.stop(grace=0)
        self.assertEqual(job.wait(connection)["inputBytes"], 0)

    def test_input_untilTheEndOfTheJob_delaysNothing(self):
        job, connection = self.start(["head", "-c", "10"])
        connection.feed(b"x" * 300_000)
        self.assertEqual(job.wait(connection)["exit"], {"code": 0})
        self.assertEqual(job.output(), b"x" * 10)

    def test_input_afterItsEnd_isIgnored(self):
        os.mkfifo(self.root / "gate")
        job, connection = self.start(sh("read go < $0/gate; cat", str(self.root)))
        connection.input(0, b"all")
        connection.end_input(3)
        connection.input(3, b" and more")
        connection.until(lambda s: s.input == 3)
        (self.root / "gate").write_text("go\n")
        self.assertEqual(job.wait(connection)["inputBytes"], 3)
        self.assertEqual(job.output(), b"all")

    @needs_root
    def test_streams_ofAUser_mayBeOpenedAgain(self):
        job, connection = self.start(sh("cat /dev/stdin > /dev/stdout"), user="nobody")
        connection.feed(b"again")
        connection.end_input(5)
        self.assertEqual(job.wait(connection)["exit"], {"code": 0})
        self.assertEqual(job.output(), b"again")


class Tail(ShimTest):
    def start(self, argv, limit, **options):
        return self.launcher.start(argv, flags=KEEP_TAIL | options.pop("flags", 0), output_limit=limit, **options)

    def check(self, job, limit, expected, record):
        data, earliest = job.output(), record["earliestOffset"]
        self.assertEqual((len(data), record["stdoutBytes"] + record["stderrBytes"]), (len(expected), len(expected)))
        self.assertEqual(record["truncatedBytes"], earliest)
        self.assertTrue(limit // 2 <= len(data) - earliest <= limit, (len(data), earliest))
        self.assertEqual(data[earliest:], expected[earliest:])
        self.assertEqual(data[:earliest].strip(b"\0"), b"")
        kept = os.stat(job.folder / "output").st_blocks * 512
        self.assertLessEqual(kept, limit + (64 << 10))
        index = (job.folder / "output.index").read_bytes()
        first = next(at for at in range(0, len(index), 32) if index[at : at + 32] != bytes(32))
        self.assertEqual(struct.unpack_from("<Q", index, first + 24)[0] & ~STDERR_BIT, earliest if earliest else struct.unpack_from("<Q", index, 24)[0])
        self.assertNotEqual(first, 0 if earliest else -1)

    def test_tail_isKeptAndOffsetsStay(self):
        for limit in (TAIL_MIN, TAIL_MIN + 1, 1_000_003, 4 << 20):
            with self.subTest(limit):
                job = self.start(perl("for (1..300000) { printf '%08d %s', $_, 'x' x ($_ % 60) }"), limit)
                expected = b"".join(b"%08d %s" % (i, b"x" * (i % 60)) for i in range(1, 300001))
                self.check(job, limit, expected, job.wait())

    def test_tail_shorterThanTheLimit_isEverything(self):
        job = self.start(sh("printf abc; printf def >&2"), TAIL_MIN)
        record = job.wait()
        self.assertEqual((job.output(), record["earliestOffset"], record["truncatedBytes"]), (b"abcdef", 0, 0))

    def test_earliest_isToldWhileTheJobRuns(self):
        job = self.start(perl("$| = 1; print 'x' x 1000 for 1..1000; sleep 1000"), TAIL_MIN)
        connection = job.connect()
        status = connection.until(lambda s: s.stdout == 1_000_000)
        self.assertTrue(TAIL_MIN // 2 <= 1_000_000 - status.earliest <= TAIL_MIN)
        connection.stop(grace=0)
        job.wait(connection)

    def test_tail_ofAnIndexThatIsFull_isShorterButExact(self):
        # Each byte when the one before has left its pipe (FIONREAD): a record each, and two drops of as many as an eighth of the index.
        script = """$| = 1; my $left;
            for (1..38000) {
                my $to = $_ % 2 ? STDOUT : STDERR;
                syswrite($to, 'x');
                do { ioctl($to, 0x541B, $left) or die } while unpack('i', $left)
            }"""
        job = self.start(perl(script), TAIL_MIN)
        record = job.wait()
        self.assertEqual(record["stdoutBytes"] + record["stderrBytes"], 38_000)
        self.assertEqual(job.output()[record["earliestOffset"] :].strip(b"x"), b"")
        self.assertLessEqual(os.stat(job.folder / "output.index").st_blocks * 512, (1 << 20) + (64 << 10))
        index = (job.folder / "output.index").read_bytes()
        records = [index[at : at + 32] for at in range(0, len(index), 32)]
        self.assertGreater(len(records), 36_864)
        kept = [number for number, entry in enumerate(records) if entry != bytes(32)]
        self.assertEqual(kept[0], 8191)
        self.assertEqual(kept, list(range(kept[0], len(records))), "records of the head that were not dropped")
        self.assertEqual(int.from_bytes(records[kept[0]][24:], "little") & (1 << 63) - 1, record["earliestOffset"])

    def test_limit_underTheLeast_isRefused(self):
        job = self.launcher.try_start(["true"], flags=KEEP_TAIL, output_limit=TAIL_MIN - 1)
        self.assert_failed(job, S_REQUEST, errno.EPROTO)


class Waiting(ShimTest):
    def start(self, argv, **options):
        return self.launcher.start(argv, flags=WAIT_FOR_DESCENDANTS, **options)

    def test_job_goesOnUntilTheLastHasEnded(self):
        os.mkfifo(self.root / "gate")
        job = self.start(sh("(setsid sh -c 'read go < $0/gate; echo late' $0 &) ; echo early; exit 3", str(self.root)))
        connection = job.connect()
        connection.until(lambda s: s.pid == 0)
        self.assertFalse((job.folder / "exit.json").exists())
        (self.root / "gate").write_text("go\n")
        record = job.wait(connection)
        self.assertEqual((record["exit"], record["cause"], job.output()), ({"code": 3}, "OWN_ACCORD", b"early\nlate\n"))

    def test_job_withoutOthers_endsAtOnce(self):
        self.assertEqual(self.start(["true"]).wait()["exit"], {"code": 0})

    def test_stop_reachesAllWhoAreLeft(self):
        script = "(setsid perl -e '$| = 1; $SIG{TERM} = sub { print qq{term\\n}; exit 0 }; print qq{ready\\n}; sleep 1000' &); exit 0"
        job = self.start(sh(script))
        connection = job.connect()
        connection.until(lambda s: s.pid == 0 and s.stdout == 6)
        connection.stop(grace=60_000)
        record = job.wait(connection)
        self.assertEqual((record["exit"], record["cause"], record["graceExceeded"]), ({"code": 0}, "STOP_REQUEST", False))
        self.assertEqual(job.output(), b"ready\nterm\n")

    def test_stop_ofTheStubborn_killsAfterTheGracePeriod(self):
        job = self.start(sh("(setsid sh -c 'trap \"\" TERM; echo ready; while :; do sleep 1000; done' &); exit 0"))
        connection = job.connect()
        connection.until(lambda s: s.pid == 0 and s.stdout == 6)
        connection.stop(grace=50)
        record = job.wait(connection)
        self.assertEqual((record["exit"], record["cause"], record["graceExceeded"]), ({"code": 0}, "STOP_REQUEST", True))

    def test_signal_reachesAllWhoAreLeft(self):
        job = self.start(sh("(setsid perl -e '$| = 1; $SIG{USR1} = sub { print qq{usr1\\n}; exit 0 }; print qq{ready\\n}; sleep 1000' &); exit 0"))
        connection = job.connect()
        connection.until(lambda s: s.pid == 0 and s.stdout == 6)
        connection.signal(10)
        self.assertEqual(job.wait(connection)["cause"], "OWN_ACCORD")
        self.assertEqual(job.output(), b"ready\nusr1\n")

    def test_timeLimit_holdsForAll(self):
        record = self.start(sh("(setsid sleep 1000 &); exit 0"), time_limit=300, grace=60_000).wait()
        self.assertEqual((record["exit"], record["cause"]), ({"code": 0}, "TIMEOUT"))


class StopSignal(ShimTest):
    def test_timeLimit_sendsTheSignalOfTheRequest(self):
        job = self.launcher.start(sh("trap 'echo int; exit 4' INT; echo ready; while :; do sleep 0.01; done"), time_limit=300, grace=60_000, stop_signal=2)
        record = job.wait()
        self.assertEqual((record["exit"], record["cause"], job.output()), ({"code": 4}, "TIMEOUT", b"ready\nint\n"))

    def test_signal_outOfRange_isRefused(self):
        for number in (0, 65, 2**32 - 1):
            self.assert_failed(self.launcher.try_start(["true"], stop_signal=number), S_REQUEST, errno.EPROTO)


class Tree(ShimTest):
    """After the end of a job nothing of it is alive. The token in the arguments tells whose a process is; ShimTest looks for it, too."""

    DAEMON = (
        "use POSIX; sub daemon { my $then = shift; my $p = fork; if ($p) { waitpid $p, 0; return } POSIX::setsid(); exit if fork;"
        " %ENV = (); POSIX::close($_) for 0..2; $then->(); sleep 1000 while 1 } "
    )

    def run_and_expect_nobody(self, script, status={"code": 0}, within=10, **options):
        started = time.monotonic()
        job = self.launcher.start(perl(script, self.token), **options)
        record = job.wait()
        self.assertEqual(record["exit"], status)
        self.assertEqual((processes_with(self.token), record["survivors"]), ([], []))
        self.assertLess(time.monotonic() - started, within)
        return job, record

    def stop_and_expect_nobody(self, script, ready=b"r", within=10, **options):
        job = self.launcher.start(perl(script, self.token), **options)
        connection = job.connect()
        connection.until(lambda s: s.stdout >= len(ready))
        started = time.monotonic()
        connection.stop(grace=0)
        record = job.wait(connection)
        took = time.monotonic() - started
        self.assertEqual(record["exit"], {"signal": 9, "coreDumped": False})
        self.assertEqual((processes_with(self.token), record["survivors"]), ([], []))
        self.assertLess(took, within)
        return took

    def test_daemon_withSetsidAndEmptyEnvironment_isKilled(self):
        self.run_and_expect_nobody(self.DAEMON + "daemon(sub {}) for 1..5; exit 0")

    def test_daemon_thatIgnoresSignalsOrIsStopped_isKilled(self):
        self.run_and_expect_nobody(
            self.DAEMON + "daemon(sub { $SIG{$_} = 'IGNORE' for keys %SIG }); daemon(sub { kill 'STOP', $$ }); exit 5", status={"code": 5}
        )

    def test_background_thatHoldsTheOutput_delaysNothing(self):
        _, record = self.run_and_expect_nobody("if (!fork) { sleep 60; exit } print 'said'; exit 5", status={"code": 5}, within=2)
        self.assertEqual(record["stdoutBytes"], 4)

    def test_leaderThread_gone_processIsKilled(self):
        script = ("import ctypes, sys, threading, time; threading.Thread(target=time.sleep, args=(1000,)).start(); sys.stdout.write('r');"
                  " sys.stdout.flush(); ctypes.CDLL(None).syscall(60 if sys.maxsize and __import__('os').uname().machine == 'x86_64' else 93, 0)")
        job = self.launcher.start(sh(f"/usr/bin/python3 -c \"$0\" {self.token} & read x; sleep 1000", script))
        connection = job.connect()
        connection.until(lambda s: s.stdout == 1)
        connection.stop(grace=0)
        self.assertEqual(job.wait(connection)["survivors"], [])

    def test_deepTree_isKilled(self):
        took = self.stop_and_expect_nobody(
            "for my $n (1..300) { my $p = fork; if ($p) { sleep 1000 while 1 } setpgrp; print 'r' if $n == 300 } sleep 1000 while 1", within=5
        )
        print(f"\n300 generations: {took:.3f} s", file=sys.stderr)

    def test_breeders_threeThousand_areKilled(self):
        took = self.stop_and_expect_nobody(
            "use POSIX; for (1..3000) { my $p = fork; die unless defined $p; next if $p; POSIX::setsid(); sleep 1000 while 1 } print 'r'; sleep 1000 while 1"
        )
        print(f"\n3000 breeders: {took:.3f} s", file=sys.stderr)

    def test_chain_thatForksAndExits_isKilled(self):
        chain = "$SIG{CHLD} = 'IGNORE'; if (!fork) { while (1) { exit if fork; select undef, undef, undef, 0.0005; syswrite STDOUT, 'r' } } "
        times = [self.stop_and_expect_nobody(chain + "sleep 1000 while 1", ready=b"r" * 100) for _ in range(5)]
        print(f"\nchain: {max(times):.3f} s", file=sys.stderr)
        self.run_and_expect_nobody(chain + "select undef, undef, undef, 0.1; exit 0")

    def test_chains_withSetsid_areKilled(self):
        self.stop_and_expect_nobody(
            "use POSIX; for (1..10) { next if fork; while (1) { exit if fork; POSIX::setsid(); select undef, undef, undef, 0.0005 } } print 'r'; sleep 1000 while 1"
        )

    def test_regrowingPairs_areKilled(self):
        self.stop_and_expect_nobody(
            "for (1..20) { next if fork; while (1) { my $p = fork; next unless defined $p; if (!$p) { select undef, undef, undef, 0.01; exit }"
            " waitpid $p, 0 } } print 'r'; sleep 1000 while 1"
        )

    @needs_root
    def test_forkBomb_limitedByProcesses_isKilled(self):
        took = self.stop_and_expect_nobody(
            "print 'r'; while (1) { fork }", user="12345:12345", limits=[(resource.RLIMIT_NPROC, 400, 400)], ready=b"r" * 1
        )
        print(f"\nfork bomb: {took:.3f} s", file=sys.stderr)

    @needs_root
    def test_processOfAnotherUser_isNamedAsSurvivor(self):
        self.root.chmod(0o777)
        become_root = self.root / "become-root"
        shutil.copy("/usr/bin/setpriv", become_root)
        become_root.chmod(0o4755)
        subprocess.run(["mount", "-o", "remount,suid", "/dev/shm"], check=False)
        launcher = self.new_launcher(user=12346, group=12346, extra_groups=[])

        def folder():
            path = launcher.new_folder()
            for p in (path, path / "shim.lock"):
                os.chown(p, 12346, 12346)
            return path

        arguments = f"{become_root} --reuid=0 --regid=0 --clear-groups /usr/bin/perl -e '$| = 1; print \"r\"; sleep 1000 while 1' {self.token}"
        job = launcher.start(sh(f"{arguments} & sleep 1000"), folder=folder())
        connection = job.connect()
        connection.until(lambda s: s.stdout == 1)
        started = time.monotonic()
        connection.stop(grace=0)
        record = job.wait(connection)
        self.assertTrue(0.9 < time.monotonic() - started < 5)
        self.assertEqual(record["exit"], {"signal": 9, "coreDumped": False})
        (survivor,) = record["survivors"]
        self.assertEqual((survivor["uid"], survivor["command"]), (0, "perl"))
        # Another job that is killed with its shim must not wait for this one.
        other = launcher.start(["/bin/sleep", "1000"], folder=folder())
        other.connect().next()  # now the launcher knows that it has replied
        os.kill(other.shim_pid(), signal.SIGKILL)
        started = time.monotonic()
        with open(other.folder / "shim.lock", "rb+") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
        self.assertLess(time.monotonic() - started, 1)
        os.kill(survivor["pid"], signal.SIGKILL)
        # The main process itself.
        job = launcher.start(sh(f"exec {arguments}"), folder=folder())
        connection = job.connect()
        connection.until(lambda s: s.stdout == 1)
        connection.stop(grace=0)
        record = job.wait(connection)
        self.assertEqual((record["exit"], [s["pid"] for s in record["survivors"]]), (None, [job.pid]))
        os.kill(job.pid, signal.SIGKILL)
        self.assertEqual(launcher.close(), 0)

    def test_output_writtenUntilTheEnd_isKept(self):
        job = self.launcher.start(sh("head -c 1000000 /dev/zero & wait; head -c 60000 /dev/zero"))
        self.assertEqual(job.wait()["stdoutBytes"], 1_060_000)

    def test_outsider_whoHoldsThePipe_delaysNothing(self):
        fifo = self.root / "fifo"
        os.mkfifo(fifo)
        job = self.launcher.start(sh(f"echo $$; read x < {fifo}; exit 6"))
        connection = job.connect()
        connection.until(lambda s: s.stdout > 0)
        held = os.open(f"/proc/{job.pid}/fd/1", os.O_WRONLY | os.O_NONBLOCK)
        stop = threading.Event()

        def chatter():
            while not stop.is_set():
                try:
                    os.write(held, b"x" * 4096)
                except BlockingIOError:
                    pass
                except BrokenPipeError:
                    return

        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        outsider = threading.Thread(target=chatter)
        outsider.start()
        started = time.monotonic()
        fifo.write_text("go\n")
        self.assertEqual(job.wait(connection)["exit"], {"code": 6})
        self.assertLess(time.monotonic() - started, 3)
        stop.set()
        outsider.join()
        os.close(held)


class Deaths(ShimTest):
    def await_lock(self, job):
        with open(job.folder / "shim.lock", "rb+") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)  # blocks

    def test_shim_killed_treeIsSweptBeforeTheLockIsFree(self):
        script = Tree.DAEMON + "daemon(sub {}) for 1..3; for (1..20) { if (!fork) { sleep 1000 while 1 } } print 'r'; sleep 1000 while 1"
        bystander = self.launcher.start(perl(Tree.DAEMON + "daemon(sub {}); print 'r'; sleep 1000 while 1", self.token + "-bystander"))
        watch = bystander.connect()
        watch.until(lambda s: s.stdout == 1)
        before = processes_with(self.token + "-bystander")
        for _ in range(3):
            job = self.launcher.start(perl(script, self.token + "-victim"))
            connection = job.connect()
            connection.until(lambda s: s.stdout == 1)
            os.kill(job.shim_pid(), signal.SIGKILL)
            connection.until_end()
            self.await_lock(job)
            self.assertEqual(processes_with(self.token + "-victim"), [])
            self.assertFalse((job.folder / "exit.json").exists())
            self.assertEqual(job.lock_state(), b"S")
        self.assertEqual(processes_with(self.token + "-bystander"), before)
        watch.stop()
        self.assertEqual(bystander.wait(watch)["exit"], {"signal": 15, "coreDumped": False})

    def test_shims_manyKilledAtOnce_areAllSweptWhileStartsGoOn(self):
        jobs = [self.launcher.start(perl(Tree.DAEMON + "daemon(sub {}); print 'r'; sleep 1000 while 1", self.token)) for _ in range(20)]
        for job in jobs:
            job.connect().until(lambda s: s.stdout == 1)
        for pid in [job.shim_pid() for job in jobs]:
            os.kill(pid, signal.SIGKILL)
        self.assertEqual(self.launcher.start(["true"]).wait()["exit"], {"code": 0})
        for job in jobs:
            self.await_lock(job)
        self.assertEqual(processes_with(self.token), [])

    def test_shim_killedDuringTheKillLoop_isSweptByTheLauncher(self):
        job = self.launcher.start(perl("use POSIX; for (1..1000) { next if fork; POSIX::setsid(); sleep 1000 while 1 } print 'r'; sleep 1000", self.token))
        connection = job.connect()
        connection.until(lambda s: s.stdout == 1)
        shim = job.shim_pid()
        main = os.pidfd_open(job.pid)
        connection.stop(grace=0)
        select.select([main], [], [], PATIENCE)  # the first to be killed
        os.close(main)
        with contextlib.suppress(ProcessLookupError):
            os.kill(shim, signal.SIGKILL)
        connection.until_end()
        self.await_lock(job)
        self.assertEqual(processes_with(self.token), [])

    def test_shim_killedBeforeItsReply_isAnsweredForByTheLauncher(self):
        folder = self.launcher.new_folder()
        os.mkfifo(folder / "stdin")  # opening it blocks until somebody writes
        self.launcher.send(self.launcher.request(["true"], folder, flags=STDIN_FILE, start_id=5))
        children = pathlib.Path(f"/proc/{self.launcher.process.pid}/task/{self.launcher.process.pid}/children")
        while not (folder / "exit.json.tmp").exists():  # there is no event for it
            time.sleep(0.001)
        os.kill(int(children.read_text()), signal.SIGKILL)
        reply = self.launcher.reply()
        self.assertEqual((reply.start_id, reply.pid, reply.stage, reply.errno), (5, 0, S_FORK, errno.ECHILD))
        self.await_lock(Job(folder, reply))
        self.assertEqual((folder / "shim.lock").read_bytes(), b"")

    def test_lock_isHeldWhileTheJobRunsAndFreeAfterwards(self):
        job = self.launcher.start(["sleep", "1000"])
        with open(job.folder / "shim.lock", "rb+") as lock:
            with self.assertRaises(BlockingIOError):
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        connection = job.connect()
        connection.stop()
        job.wait(connection)
        self.await_lock(job)

    def test_launcher_atTheEndOfItsInput_staysUntilTheLastJobEnds(self):
        launcher = self.new_launcher()
        job = launcher.start(["sleep", "1000"])
        killed = launcher.start(perl(Tree.DAEMON + "daemon(sub {}); print 'r'; sleep 1000 while 1", self.token))
        killed.connect().until(lambda s: s.stdout == 1)
        launcher.process.stdin.close()
        os.kill(killed.shim_pid(), signal.SIGKILL)
        self.await_lock(killed)
        self.assertEqual(processes_with(self.token), [])
        self.assertIsNone(launcher.process.poll())
        connection = job.connect()
        connection.stop()
        self.assertEqual(job.wait(connection)["cause"], "STOP_REQUEST")
        self.assertEqual(launcher.process.wait(PATIENCE), 0)
        launcher.process.stdout.close()

    def test_launcher_killed_jobsGoOn(self):
        launcher = self.new_launcher()
        job = launcher.start(sh("echo before; read x; exit 7"), flags=STDIN_FILE, folder=self.blocking_stdin(launcher))
        launcher.process.kill()
        launcher.process.wait()
        connection = job.connect()
        connection.until(lambda s: s.stdout == 7)
        connection.stop()
        self.assertEqual(job.wait(connection)["requestedBy"], "tester")
        self.await_lock(job)
        launcher.process.stdin.close()
        launcher.process.stdout.close()

    def blocking_stdin(self, launcher):
        folder = launcher.new_folder()
        os.mkfifo(folder / "stdin")
        self.addCleanup(os.close, os.open(folder / "stdin", os.O_RDWR))
        return folder

    def test_launcherAndShim_killed_mainProcessDies(self):
        launcher = self.new_launcher()
        job = launcher.start(["sleep", "1000"])
        shim = job.shim_pid()
        launcher.process.kill()
        launcher.process.wait()
        descriptor = os.pidfd_open(job.pid)
        os.kill(shim, signal.SIGKILL)
        self.assertTrue(select.select([descriptor], [], [], PATIENCE)[0])
        os.close(descriptor)
        launcher.process.stdin.close()
        launcher.process.stdout.close()

    def test_worker_gone_repliesAreLostButJobsEndWell(self):
        launcher = self.new_launcher()
        folder = launcher.new_folder()
        launcher.process.stdout.close()
        launcher.send(launcher.request(sh("exit 8"), folder))
        launcher.process.stdin.close()
        self.assertEqual(launcher.process.wait(PATIENCE), 0)
        self.assertEqual(json.loads((folder / "exit.json").read_bytes())["exit"], {"code": 8})

    def dying(self, launcher):
        return launcher.start(perl(Tree.DAEMON + "daemon(sub {}); print 'r'; sleep 1000 while 1", self.token), flags=DIE_WITH_WORKER)

    def assert_died_with_the_worker(self, job):
        self.await_lock(job)
        record = job.record()
        self.assertEqual((record["exit"], record["cause"], record["requestedBy"]),
                         ({"signal": 9, "coreDumped": False}, "WORKER_SHUTDOWN", "death of the worker"))
        self.assertEqual(processes_with(self.token), [])

    def test_worker_gone_jobsThatAreToDieWithItDie(self):
        launcher = self.new_launcher()
        never_connected, connected = self.dying(launcher), self.dying(launcher)
        other = launcher.start(["sleep", "1000"])
        connection = connected.connect()
        connection.until(lambda s: s.stdout == 1)
        launcher.process.stdin.close()
        self.await_lock(never_connected)
        self.assertEqual(connection.status.phase, 0)
        self.assertTrue(pathlib.Path(f"/proc/{connected.pid}").exists())
        connection.socket.close()
        self.assert_died_with_the_worker(connected)
        self.assert_died_with_the_worker(never_connected)
        self.assertIsNone(launcher.process.poll())
        stop = other.connect()
        stop.stop()
        self.assertEqual(other.wait(stop)["cause"], "STOP_REQUEST")
        self.assertEqual(launcher.process.wait(PATIENCE), 0)
        launcher.process.stdout.close()

    def test_nextWorker_connectedBeforeTheEndOfTheFirstIsSeen_jobsThatAreToDieDie(self):
        launcher = self.new_launcher()
        job = self.dying(launcher)
        connect = "import os, socket; s = socket.socket(socket.AF_UNIX); os.chdir(%r); s.connect('shim.sock'); s.recv(64); print('in', flush=True)\nwhile s.recv(64): pass"
        os.kill(launcher.process.pid, signal.SIGSTOP)
        launcher.process.stdin.close()
        with subprocess.Popen([sys.executable, "-c", connect % str(job.folder)], stdout=subprocess.PIPE) as next_worker:
            self.assertEqual(next_worker.stdout.readline(), b"in\n")
            os.kill(launcher.process.pid, signal.SIGCONT)
            self.assertEqual(next_worker.wait(PATIENCE), 0)
        self.assert_died_with_the_worker(job)
        self.assertEqual(launcher.process.wait(PATIENCE), 0)
        launcher.process.stdout.close()

    def test_launcher_killed_jobsOfAConnectedWorkerGoOnUntilItLeaves(self):
        launcher = self.new_launcher()
        job = self.dying(launcher)
        connection = job.connect()
        connection.until(lambda s: s.stdout == 1)
        launcher.process.kill()
        launcher.process.wait()
        again = job.connect()
        connection.until_end()  # replaced
        again.next()
        again.socket.close()
        self.assert_died_with_the_worker(job)
        launcher.process.stdin.close()
        launcher.process.stdout.close()

    def test_shim_holdsNothingOfTheLauncher(self):
        first = self.launcher.start(["sleep", "1000"])
        second = self.launcher.start(["sleep", "1000"])

        connections = [first.connect(), second.connect()]
        for connection in connections:
            connection.next()  # now the shim is in its loop

        def descriptors(pid):
            return sorted(os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd"))

        links = descriptors(second.shim_pid())
        self.assertFalse([link for link in links if link.startswith(str(first.folder))])
        expected = {str(second.folder): 1, str(second.folder / "shim.lock"): 1, str(second.folder / "output"): 1,
                    str(second.folder / "output.index"): 1, str(second.folder / "exit.json.tmp"): 1, "/dev/null": 2}
        for name, count in expected.items():
            self.assertEqual(links.count(name), count, name)
        self.assertEqual(len([link for link in links if link.startswith("socket:")]), 2)
        launcher = descriptors(self.launcher.process.pid)
        self.assertEqual(len([link for link in launcher if link.startswith("socket:")]), 0)
        for job, connection in zip((first, second), connections):
            connection.stop(grace=0)
            job.wait(connection)
            self.await_lock(job)
        self.assertEqual(len(descriptors(self.launcher.process.pid)), 7)

    def test_starts_repeated_leakNoDescriptor(self):
        def count():
            return len(os.listdir(f"/proc/{self.launcher.process.pid}/fd"))

        self.await_lock(self.launcher.start(["true"]))
        before = count()
        for i in range(50):
            self.await_lock(self.launcher.try_start(["nope"]))
            self.launcher.try_start(["true"], folder="/no/such")
            self.await_lock(self.launcher.start(["true"]))
            self.launcher.send(b"junk")
            self.launcher.reply()
        self.await_lock(self.launcher.start(["true"]))
        self.assertEqual(count(), before)


if __name__ == "__main__":
    unittest.main()
