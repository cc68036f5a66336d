#!/usr/bin/env python3
"""Tests of the helper when resources run out: python3 test_exhaustion.py [-v] [Class[.test]]

Each is really exhausted, most by prlimit of the running launcher. Every start must then be answered with success, or with the errno of what ran
out and nothing left behind; once there is enough again, the same launcher serves as before. Needs root."""

import contextlib
import errno
import fcntl
import json
import os
import pathlib
import resource
import select
import signal
import socket
import subprocess
import tempfile
import unittest

import test_shim
from harness import *
from test_shim import perl, sh, tiny_tmpfs

PAGE = resource.getpagesize()


class ExhaustionTest(ShimTest):
    def setUp(self):
        super().setUp()
        self.assert_serves()  # and so it has set itself up

    def new_launcher(self, **options):
        root = pathlib.Path(tempfile.mkdtemp(dir=self.root))
        root.chmod(0o777)
        launcher = Launcher(root, **options)
        self.addCleanup(launcher.abandon)
        return launcher

    def assert_serves(self):
        self.assertEqual(self.await_end(self.launcher.start(sh("exit 7")))["exit"], {"code": 7})

    def await_end(self, job, connection=None):
        record = job.wait(connection)
        self.await_lock(job)
        return record

    def await_lock(self, job):
        """The launcher, too, has let go of the job then."""
        with open(job.folder / "shim.lock", "rb+") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)

    @contextlib.contextmanager
    def limited(self, which, soft, pid=None):
        pid = pid or self.launcher.process.pid
        before = resource.prlimit(pid, which)
        resource.prlimit(pid, which, (soft, before[1]))
        try:
            yield
        finally:
            resource.prlimit(pid, which, before)

    def until_started(self, which, values, error, stages, **options):
        """Tries one value of the limit after the other until a start succeeds: the value that is enough, and the stages at which others were not."""
        failed = []
        for value in values:
            with self.limited(which, value):
                job = self.launcher.try_start(sh("exit 7"), **options)
            if job.pid > 0:
                self.assertEqual(self.await_end(job)["exit"], {"code": 7})
                self.assertEqual(set(failed), set(stages))
                self.assert_serves()
                return value
            with self.subTest(limit=value):
                self.assertIn(job.reply.stage, stages)
                self.assert_failed(job, job.reply.stage, error)
            self.await_lock(job)
            failed.append(job.reply.stage)
        self.fail(f"no start succeeded with {values}")


def obedient(**handlers):
    """A job that says x and then does what is said for each signal. It misses none: Perl's sleep would begin even if one had come just before."""
    set_up = "".join(f"$SIG{{{name}}} = sub {{ {action} }}; " for name, action in handlers.items())
    return perl(
        "use POSIX; my $signals = POSIX::SigSet->new; $signals->fillset; sigprocmask(SIG_BLOCK, $signals); $signals->emptyset; "
        + set_up + "print 'x'; sigsuspend($signals) while 1"
    )


def descriptors(pid):
    return {int(name) for name in os.listdir(f"/proc/{pid}/fd")}


class Descriptors(ExhaustionTest):
    def least(self):
        return self.until_started(resource.RLIMIT_NOFILE, range(3, 100), errno.EMFILE, [S_FOLDER, S_STDIO, S_FORK])

    def test_starts_withEveryNumberOfDescriptors_failOrSucceed(self):
        before = descriptors(self.launcher.process.pid)
        self.least()
        self.assertEqual(descriptors(self.launcher.process.pid), before)

    def test_tree_ofAJobWithTheFewestDescriptors_isKilled(self):
        script = test_shim.Tree.DAEMON + "daemon(sub { daemon(sub {}) }) for 1..3; for (1..20) { last if fork } print 'r'; sleep 1000 while 1"
        least = self.least()
        for number in range(least, least + 5):
            with self.subTest(number), self.limited(resource.RLIMIT_NOFILE, number):
                job = self.launcher.start(perl(script, self.token))
                connection = job.connect()
                connection.until(lambda s: s.stdout >= 20)
                connection.stop(grace=0)
                self.assertEqual(job.wait(connection)["survivors"], [])
                self.assertEqual(processes_with(self.token), [])

    def test_connection_thatCannotBeAccepted_isServedLater(self):
        job = self.launcher.start(obedient(USR1="print 'y'"))
        first = job.connect()
        first.until(lambda s: s.stdout == 1)
        shim = job.shim_pid()
        with self.limited(resource.RLIMIT_NOFILE, min(set(range(100)) - descriptors(shim)), shim):
            second = job.connect()
            first.signal(signal.SIGUSR1)
            first.until(lambda s: s.stdout == 2)  # so the shim has been through a turn in which it could accept nobody
        self.assertEqual(second.next().stdout, 2)
        first.until_end()  # replaced
        second.stop(grace=0)
        self.assertEqual(self.await_end(job, second)["exit"], {"signal": 9, "coreDumped": False})


    def test_waitForADescriptor_costsNoTime(self):
        job = self.launcher.start(["sleep", "1000"])
        first = job.connect()
        first.next()
        shim = job.shim_pid()
        ticks = lambda: sum(map(int, pathlib.Path(f"/proc/{shim}/stat").read_text().rpartition(")")[2].split()[11:13]))
        with self.limited(resource.RLIMIT_NOFILE, min(set(range(100)) - descriptors(shim)), shim):
            second = job.connect()
            before = ticks()
            self.await_end(self.launcher.start(["sleep", "0.5"]))
            self.assertLess(ticks() - before, 10)  # of 50
        second.next()
        second.stop(grace=0)
        self.await_end(job, second)

    def test_stop_withoutADescriptor_killsTheJob(self):
        job = self.launcher.start(["sleep", "1000"])
        connection = job.connect()
        connection.next()
        shim = job.shim_pid()
        none = min(set(range(100)) - descriptors(shim))
        resource.prlimit(shim, resource.RLIMIT_NOFILE, (none, resource.prlimit(shim, resource.RLIMIT_NOFILE)[1]))
        connection.stop(grace=0)
        record = job.wait(connection)
        self.assertEqual((record["exit"], record["survivors"]), ({"signal": 9, "coreDumped": False}, []))

    @test_shim.needs_root
    def test_account_thatCannotBeReadForWantOfADescriptor_isNotUnknown(self):
        self.until_started(resource.RLIMIT_NOFILE, range(3, 100), errno.EMFILE, [S_FOLDER, S_FORK, S_USER], user="nobody")


class Memory(ExhaustionTest):
    def address_space(self):
        return int(pathlib.Path(f"/proc/{self.launcher.process.pid}/statm").read_text().split()[0]) * PAGE

    def unlimited(self, which):
        return [(which, INFINITY, INFINITY)]  # the job must not want for it

    def test_starts_withEveryAmountOfAddressSpace_failOrSucceed(self):
        now = self.address_space()
        self.until_started(resource.RLIMIT_AS, range(now, now + 4096 * PAGE, PAGE), errno.ENOMEM, [S_FORK], limits=self.unlimited(resource.RLIMIT_AS))

    def test_starts_withEveryAmountOfData_failOrSucceed(self):
        # The kernel takes a limit of 0 for none.
        self.until_started(
            resource.RLIMIT_DATA, range(PAGE, 64 << 20, 16 * PAGE), errno.ENOMEM, [S_FORK], limits=self.unlimited(resource.RLIMIT_DATA)
        )

    def test_tree_isKilledInTheMemoryInWhichItWasStarted(self):
        script = test_shim.Tree.DAEMON + "daemon(sub {}); print 'r'; sleep 1000 while 1"
        for room in range(0, 1 << 20, 8 * PAGE):
            with self.limited(resource.RLIMIT_AS, self.address_space() + room):
                job = self.launcher.try_start(perl(script, self.token), limits=self.unlimited(resource.RLIMIT_AS))
                if job.pid == 0:
                    continue
                connection = job.connect()
                connection.until(lambda s: s.stdout == 1)
                connection.stop(grace=0)
                record = job.wait(connection)
                self.assertEqual((record["exit"], record["survivors"]), ({"signal": 9, "coreDumped": False}, []))
                killed = self.launcher.start(perl(script, self.token), limits=self.unlimited(resource.RLIMIT_AS))
                killed.connect().until(lambda s: s.stdout == 1)
                os.kill(killed.shim_pid(), signal.SIGKILL)
                self.await_lock(killed)
            self.assertEqual(processes_with(self.token), [])
            return
        self.fail("no start succeeded")

    def test_requestTooLargeForTheMemory_isRefusedAndASmallOneServed(self):
        room = self.address_space() + (1 << 20)
        with self.limited(resource.RLIMIT_AS, room):
            large = self.launcher.try_start(["true"], start_id=5, env=["X=" + "x" * 1000] * 2000)
            self.assertEqual(large.reply.start_id, 5)
            self.assert_failed(large, S_FORK, errno.ENOMEM)
            small = self.launcher.start(sh("exit 7"), limits=self.unlimited(resource.RLIMIT_AS))
        self.assertEqual(self.await_end(small)["exit"], {"code": 7})
        self.assert_serves()


class Processes(ExhaustionTest):
    def test_fork_refusedToLauncherOrShim_isAFailedStart(self):
        uid = 100_000 + os.getpid()  # nobody else's
        as_user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
        launcher = self.new_launcher(command=[*as_user, HELPER, "launcher"])

        def start(argv):
            folder = launcher.new_folder()
            for path in (folder, folder / "shim.lock"):
                os.chown(path, uid, uid)
            return launcher.try_start(argv, folder=folder)

        def allow(processes):
            subprocess.run([*as_user, "prlimit", f"--nproc={processes}:", f"--pid={launcher.process.pid}"], check=True)

        running = start(["sleep", "1000"])
        self.assertGreater(running.pid, 0)
        for processes in (3, 4):  # the launcher, a shim and its job, which are there; a second shim, whose job would be the fifth
            allow(processes)
            with self.subTest(processes):
                job = start(["true"])
                self.assert_failed(job, S_FORK, errno.EAGAIN)
                self.await_lock(job)
        allow(5)
        self.assertEqual(self.await_end(start(sh("exit 7")))["exit"], {"code": 7})
        connection = running.connect()
        connection.stop()
        self.assertEqual(self.await_end(running, connection)["exit"], {"signal": 15, "coreDumped": False})
        self.assertEqual(launcher.close(), 0)


class Disk(ExhaustionTest):
    def fill(self, folder):
        with open(folder / "filler", "ab", buffering=0) as filler, self.assertRaises(OSError) as raised:
            while True:
                filler.write(bytes(PAGE))
        self.assertEqual(raised.exception.errno, errno.ENOSPC)

    def test_starts_withEveryNumberOfFreeBlocks_failOrSucceed(self):
        with tiny_tmpfs(self.root / "tiny", 64) as folder:
            (folder / "shim.lock").touch()
            for free in range(2):  # for the record that is reserved; for the mark in shim.lock
                (folder / "filler").write_bytes(bytes((64 << 10) - free * PAGE))
                with self.subTest(free):
                    job = self.launcher.try_start(["true"], folder=folder)
                    self.assertEqual((job.pid, job.reply.stage, job.reply.errno), (0, S_FOLDER, errno.ENOSPC))
                    self.assertEqual((sorted(os.listdir(folder)), job.lock_state()), (["filler", "shim.lock"], b""))
                self.await_lock(job)
            (folder / "filler").write_bytes(bytes((64 << 10) - 2 * PAGE))
            job = self.launcher.try_start(sh("echo lost; exit 7"), folder=folder)
            record = self.await_end(job)
            self.assertEqual((record["exit"], record["stdoutBytes"], record["truncatedBytes"], record["writeErrno"]),
                             ({"code": 7}, 0, 5, errno.ENOSPC))
            self.assertEqual((job.output(), job.index()), (b"", []))

    def test_starts_withEveryNumberOfFreeInodes_failOrSucceed(self):
        with tiny_tmpfs(self.root / "tiny", 1024) as folder:
            (folder / "shim.lock").touch()
            for inodes in range(2, 6):  # those of the folder and its lock; then socket and three files
                subprocess.run(["mount", "-o", f"remount,nr_inodes={inodes}", str(folder)], check=True)
                with self.subTest(inodes):
                    job = self.launcher.try_start(["true"], folder=folder)
                    self.assert_failed(job, S_FOLDER, errno.ENOSPC)
                self.await_lock(job)
            subprocess.run(["mount", "-o", "remount,nr_inodes=6", str(folder)], check=True)
            job = self.launcher.try_start(sh("echo kept; exit 7"), folder=folder)
            self.assertEqual(self.await_end(job)["exit"], {"code": 7})
            self.assertEqual(job.output(), b"kept\n")

    def test_disk_filledWhileTheJobRuns_stillTakesTheLongestExitRecord(self):
        for flags in (0, SYNC):
            with self.subTest(flags), tiny_tmpfs(self.root / f"tiny-{flags}", 256) as folder:
                (folder / "shim.lock").touch()
                job = self.launcher.start(obedient(TERM="print 'y' x 100000; exit 7"), folder=folder, flags=flags)
                connection = job.connect()
                connection.until(lambda s: s.stdout == 1)
                self.fill(folder)
                connection.stop(name=b"\1" * 512)
                record = self.await_end(job, connection)
                self.assertEqual((record["exit"], record["requestedBy"], record["writeErrno"]), ({"code": 7}, "\1" * 512, errno.ENOSPC))
                self.assertEqual(record["stdoutBytes"] + record["truncatedBytes"], 100_001)
                self.assertEqual((len(job.output()), job.index()[-1][2]), (record["stdoutBytes"], record["stdoutBytes"]))
                self.assertFalse((folder / "exit.json.tmp").exists())

    def test_disk_fullForAWhile_keepsATruePrefixAndIsNoOutputLimit(self):
        with tiny_tmpfs(self.root / "tiny", 256) as folder:
            (folder / "shim.lock").touch()
            job = self.launcher.start(obedient(USR1="print 'y' x 20000", USR2="print 'z'"), folder=folder, flags=KILL_AT_OUTPUT_LIMIT)
            connection = job.connect()
            connection.until(lambda s: s.stdout == 1)
            self.fill(folder)
            connection.signal(signal.SIGUSR1)
            connection.until(lambda s: s.stdout + s.truncated == 20_001)
            (folder / "filler").unlink()
            connection.signal(signal.SIGUSR2)
            connection.until(lambda s: s.stdout + s.truncated == 20_002)
            connection.stop()
            record = self.await_end(job, connection)
            self.assertEqual((record["cause"], record["writeErrno"]), ("STOP_REQUEST", errno.ENOSPC))
            self.assertLess(record["stdoutBytes"], 20_001)
            self.assertEqual(job.output(), (b"x" + b"y" * 20_000)[:record["stdoutBytes"]])

    def test_starts_withEveryFileSizeLimit_failOrSucceed(self):
        enough = self.until_started(resource.RLIMIT_FSIZE, (0, 1, 1000, 4095, 4096), errno.EFBIG, [S_FOLDER],
                                    limits=[(resource.RLIMIT_FSIZE, INFINITY, INFINITY)])
        self.assertEqual(enough, 4096)


class Pipes(ExhaustionTest):
    def test_replies_toAWorkerThatIsGone_areLostAndTheNextRequestServed(self):
        launcher = self.new_launcher()
        launcher.process.stdout.close()
        folders = [launcher.new_folder() for _ in range(3)]
        launcher.send(b"junk")
        launcher.send(launcher.request(["true"], "/no/such"))
        launcher.send(launcher.request(["/no/such"], folders[0]))
        launcher.send(launcher.request(["true"], folders[1], directory="/no/such"))
        launcher.send(launcher.request(sh("exit 7"), folders[2]))
        launcher.process.stdin.close()
        self.assertEqual(launcher.process.wait(PATIENCE), 0)
        self.assertEqual([sorted(os.listdir(folder)) for folder in folders[:2]], [["shim.lock"]] * 2)
        self.assertEqual(json.loads((folders[2] / "exit.json").read_bytes())["exit"], {"code": 7})

    def requests_for_a_full_pipe(self, launcher):
        """More refusals than the pipe of the replies holds, then one job."""
        room = fcntl.fcntl(launcher.process.stdout, fcntl.F_SETPIPE_SZ, PAGE) // 32
        folder = launcher.new_folder()
        for start_id in range(room + 50):
            launcher.send(field(PROTOCOL, u32(1)) + field(START_ID, u64(start_id)))
        launcher.send(launcher.request(sh("exit 7"), folder, start_id=room + 50))
        return room + 51, folder

    def test_replies_toASlowWorker_areAllDelivered(self):
        count, folder = self.requests_for_a_full_pipe(self.launcher)
        replies = [self.launcher.reply() for _ in range(count)]
        self.assertEqual([reply.start_id for reply in replies], list(range(count)))
        self.assertEqual(self.await_end(Job(folder, replies[-1]))["exit"], {"code": 7})

    def test_worker_goneWithAFullPipe_jobsEndWell(self):
        launcher = self.new_launcher()
        _, folder = self.requests_for_a_full_pipe(launcher)
        launcher.reply()  # there are more than the pipe holds, or will be
        launcher.process.stdout.close()
        launcher.process.stdin.close()
        self.assertEqual(launcher.process.wait(PATIENCE), 0)
        self.assertEqual(json.loads((folder / "exit.json").read_bytes())["exit"], {"code": 7})

    CHATTY = "for (;;) { syswrite STDOUT, 'x'; syswrite STDERR, 'y' }"

    def test_workers_whoLeaveInTheMiddleOfAStatus_disturbNothing(self):
        job = self.launcher.start(perl(self.CHATTY), output_limit=1 << 20)
        seen = 0
        for size in range(64):
            connection = job.connect()
            seen = max(seen, connection.next().stdout)
            connection.socket.recv(size)
            connection.socket.close()
        connection = job.connect()
        self.assertGreaterEqual(connection.next().stdout, seen)
        connection.stop(grace=0)
        self.assertEqual(self.await_end(job, connection)["exit"], {"signal": 9, "coreDumped": False})

    def test_worker_whoReadsNoMoreStatuses_isStillObeyed(self):
        fifo = self.root / "fifo"
        os.mkfifo(fifo)
        events = os.open(fifo, os.O_RDWR)
        self.addCleanup(os.close, events)
        job = self.launcher.start(obedient(USR1=f"print 'y'; open my $events, '>', '{fifo}'; syswrite $events, 'e'"))
        deaf = job.connect()
        deaf.until(lambda s: s.stdout == 1)
        deaf.socket.shutdown(socket.SHUT_RD)
        for _ in range(2):  # with the second one the shim has met what was written at the first, and so the status for which there is no reader
            deaf.signal(signal.SIGUSR1)
            self.assertTrue(select.select([events], [], [], PATIENCE)[0])
            os.read(events, 1)
        deaf.stop(signal=int(signal.SIGHUP), name=b"deaf")
        record = self.await_end(job)
        self.assertEqual((record["exit"], record["requestedBy"]), ({"signal": 1, "coreDumped": False}, "deaf"))


if __name__ == "__main__":
    unittest.main()
