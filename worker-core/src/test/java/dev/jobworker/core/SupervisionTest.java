package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** G3, G5, G6, G8, G9, G11 and G12: what becomes of processes. */
final class SupervisionTest extends EngineFixture {

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 126, 127, 128, 137, 255})
    void g5_s11_exitCode_isReportedAsItIs(int code) {
        Job job = runShell("exit " + code);
        assertExit(code, job);
        assertEquals(code == 0 ? JobState.SUCCEEDED : JobState.FAILED, job.state());
        assertEquals(new Cause(Cause.Kind.OWN_ACCORD, null, false), ended(job).cause());
    }

    @ParameterizedTest
    @ValueSource(ints = {9, 11, 15, 24, 34})
    void g5_s11_signal_isNeverAnExitCode(int number) {
        JobSpec spec = JobSpec.builder("sh", "-c", "kill -" + number + " $$")
                .limit(ResourceLimit.CORE, 0)
                .build();
        Job job = awaitFinal(start(spec));
        assertEquals(
                new ExitStatus.Signaled(new Signal(number), false), ended(job).exit());
        assertEquals(JobState.FAILED, job.state());
    }

    @Test
    void g5_usage_isTheJobsOwn() {
        Usage usage = ended(runShell("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"))
                .usage();
        assertTrue(usage.userCpu().toMillis() > 0, usage::toString);
        assertTrue(usage.peakMemoryBytes() > 100_000 && usage.peakMemoryBytes() < 50_000_000, usage::toString);
    }

    @Test
    void g5_stop_namesWhoAsked() {
        Job job = startShell("exec sleep 300");
        Job stopping = engine.stop(job.id(), Duration.ofSeconds(30), "alice \"quoted\" \u00e9");
        assertEquals(JobState.STOPPING, stopping.state());
        Job end = awaitFinal(job);
        assertEquals(JobState.STOPPED, end.state());
        assertEquals(
                new Cause(Cause.Kind.STOP_REQUEST, "alice \"quoted\" \u00e9", false),
                ended(end).cause());
        assertEquals(new ExitStatus.Signaled(Signal.TERM, false), ended(end).exit());
    }

    @Test
    void g5_s03_jobIgnoresSignals_stop_killsAfterTheGracePeriod() {
        Job job = startShell("trap '' TERM INT HUP; echo ready; while :; do sleep 1; done");
        awaitOutput(job, "ready");
        engine.stop(job.id(), Duration.ofMillis(200), "tester");
        Job end = awaitFinal(job);
        assertEquals(new ExitStatus.Signaled(Signal.KILL, false), ended(end).exit());
        assertEquals(
                new Cause(Cause.Kind.STOP_REQUEST, "tester", true), ended(end).cause());
    }

    @Test
    void stop_termHandler_runsWithinTheGracePeriod() {
        Job job = startShell("trap 'echo bye; exit 4' TERM; echo ready; while :; do sleep 0.1; done");
        awaitOutput(job, "ready");
        engine.stop(job.id(), LONG, "tester");
        Job end = awaitFinal(job);
        assertExit(4, end);
        assertEquals(JobState.STOPPED, end.state());
        assertTrue(text(end, OutputView.STDOUT).endsWith("bye\n"));
    }

    @Test
    void stop_withoutAGracePeriod_hasTheJobsOwnAndItsSignal() {
        Job job = start(JobSpec.builder(
                        "sh",
                        "-c",
                        "trap '' TERM; trap 'echo int; exit 4' INT; echo ready; while :; do sleep 0.1; done")
                .stopSignal(Signal.INT)
                .gracePeriod(LONG)
                .build());
        awaitOutput(job, "ready");
        engine.stop(job.id(), null, "tester");
        assertExit(4, awaitFinal(job));
        assertTrue(text(job, OutputView.STDOUT).endsWith("int\n"));
    }

    @Test
    void descendants_wait_jobGoesOnUntilTheLastHasEnded() throws Exception {
        Path gate = directory.resolve("gate");
        runShell("mkfifo " + gate);
        Job job = start(
                JobSpec.builder("sh", "-c", "(setsid sh -c 'read go < " + gate + "; echo late' &); echo early; exit 3")
                        .descendants(Descendants.WAIT)
                        .build());
        awaitOutput(job, "early");
        try (OutputReader reader = engine.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            Files.writeString(gate, "go\n");
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            reader.transferTo(all);
            assertEquals("early\nlate\n", all.toString(StandardCharsets.UTF_8));
        }
        assertExit(3, awaitFinal(job));
    }

    @Test
    void descendants_wait_stopEndsThoseWhoAreLeft() throws Exception {
        Job job = start(JobSpec.builder(
                        "sh", "-c", "(setsid sh -c 'trap \"\" TERM; echo \"pid=$$;\"; exec sleep 300' &); exit 0")
                .descendants(Descendants.WAIT)
                .build());
        int daemon = awaitNumber(job, "pid");
        assertEquals(JobState.RUNNING, engine.get(job.id()).state());
        engine.stop(job.id(), Duration.ZERO, "tester");
        Job end = awaitFinal(job);
        assertEquals(JobState.STOPPED, end.state());
        assertExit(0, end);
        assertFalse(isAlive(daemon));
    }

    @Test
    void g5_s04_stoppedJob_stop_letsItsHandlerRun() {
        Job job = startShell("trap 'echo bye; exit 4' TERM; echo ready; kill -STOP $$; while :; do sleep 0.1; done");
        awaitOutput(job, "ready");
        engine.stop(job.id(), LONG, "tester");
        assertExit(4, awaitFinal(job));
    }

    @Test
    void g5_s10_stopAgain_earlierDeadlineWins() {
        Job job = startShell("trap '' TERM; echo ready; while :; do sleep 1; done");
        awaitOutput(job, "ready");
        engine.stop(job.id(), LONG.multipliedBy(10), "first");
        engine.stop(job.id(), Duration.ZERO, "second");
        assertEquals(
                new Cause(Cause.Kind.STOP_REQUEST, "first", true),
                ended(awaitFinal(job)).cause());
        assertEquals(
                JobState.STOPPED, engine.stop(job.id(), Duration.ZERO, "third").state());
    }

    @Test
    void g5_s10_stopByManyAtOnce_isIdempotent() throws Exception {
        Job job = startShell("exec sleep 300");
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Job>> stops = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                stops.add(threads.submit(() -> engine.stop(job.id(), LONG, "tester")));
            }
            for (Future<Job> stop : stops) {
                assertTrue(stop.get().state() != JobState.RUNNING);
            }
        }
        assertEquals(JobState.STOPPED, awaitFinal(job).state());
    }

    @Test
    void timeout_runningLonger_endsTheJob() {
        Job job = awaitFinal(start(
                JobSpec.builder("sleep", "300").timeout(Duration.ofMillis(100)).build()));
        assertEquals(Cause.Kind.TIMEOUT, ended(job).cause().kind());
        assertEquals(JobState.FAILED, job.state());
    }

    @Test
    void signal_reachesTheProcessGroup() {
        Job job = startShell("trap 'echo got; exit 0' USR1; echo ready; while :; do sleep 0.1; done");
        awaitOutput(job, "ready");
        engine.signal(job.id(), Signal.parse("USR1").orElseThrow());
        Job end = awaitFinal(job);
        assertExit(0, end);
        assertEquals(Cause.Kind.OWN_ACCORD, ended(end).cause().kind());
        assertEquals(end, engine.signal(job.id(), Signal.HUP));
    }

    @Test
    void g6_s01_daemonWithEmptyEnvironment_diesWithTheJob() {
        Job job = startShell("setsid env -i /bin/sh -c 'sleep 300 & echo daemon=$!\\;' > " + directory.resolve("pid")
                + " 2>&1 < /dev/null &" + " while ! [ -s " + directory.resolve("pid") + " ]; do :; done; cat "
                + directory.resolve("pid"));
        Job end = awaitFinal(job);
        int daemon = awaitNumber(job, "daemon");
        assertExit(0, end);
        assertFalse(isAlive(daemon));
    }

    @Test
    void g6_s02_backgroundChildHoldsStdout_endIsNotDelayed() throws IOException {
        Job job = runShell("sleep 300 & echo child=$!\\;; exit 5");
        assertExit(5, job);
        assertFalse(isAlive(awaitNumber(job, "child")));
        assertEquals(List.of(), processesOf(job.id()));
    }

    @Test
    void g6_stopOfATree_leavesNoProcess() throws IOException {
        Job job = startShell("""
                trap '' TERM
                for i in 1 2 3 4 5; do
                  setsid sh -c 'trap "" TERM; sleep 301 & (setsid sleep 302 &) ; kill -STOP $$; wait' &
                done
                echo ready
                while :; do sleep 1; done""");
        awaitOutput(job, "ready");
        engine.stop(job.id(), Duration.ofMillis(100), "tester");
        Job end = awaitFinal(job);
        assertEquals(new ExitStatus.Signaled(Signal.KILL, false), ended(end).exit());
        assertEquals(List.of(), processesOf(job.id()));
        assertEquals(List.of(), ended(end).survivors());
    }

    @Test
    void g6_s06_chainOfForks_isCaught() throws IOException {
        Job job = startShell(
                "f() { echo x > " + directory.resolve("alive") + "; (f &) ; exit; }; f & echo ready; exec sleep 300");
        awaitOutput(job, "ready");
        engine.stop(job.id(), Duration.ZERO, "tester");
        awaitFinal(job);
        assertEquals(List.of(), processesOf(job.id()));
    }

    @Test
    void g8_s07_startFailures_tellStageAndErrnoAndLeaveNothing() throws IOException {
        Path script = directory.resolve("script");
        Files.writeString(script, "echo no interpreter line\n");
        assertExecFails(ExecStage.EXEC, 13, JobSpec.of(script.toString()));
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
        assertExecFails(ExecStage.EXEC, 8, JobSpec.of(script.toString()));
        Files.writeString(script, "#!/does/not/exist\n");
        assertExecFails(ExecStage.EXEC, 2, JobSpec.of(script.toString()));
        assertExecFails(ExecStage.EXEC, 2, JobSpec.of("no-such-program"));
        assertExecFails(ExecStage.EXEC, 13, JobSpec.of("/"));
        assertExecFails(
                ExecStage.DIRECTORY,
                2,
                JobSpec.builder("true").workingDirectory("/does/not/exist").build());
        assertExecFails(
                ExecStage.USER, 2, JobSpec.builder("true").user("no-such-user").build());
        assertEquals(List.of(), files(directory.resolve("state/jobs")));
        assertEquals(0, engine.runningJobs());
        assertEquals(0, engine.retainedJobs());
    }

    private void assertExecFails(ExecStage stage, int errno, JobSpec spec) {
        Failure.ExecFailed failure = assertFails(Failure.ExecFailed.class, () -> start(spec));
        assertEquals(stage, failure.stage());
        assertEquals(errno, failure.errno());
    }

    @Test
    void g8_s07_busyProgram_isRetriedThenTyped() throws IOException {
        Path program = directory.resolve("busy");
        Files.copy(Path.of("/bin/true"), program);
        try (var _ = Files.newOutputStream(program, java.nio.file.StandardOpenOption.APPEND)) {
            assertExecFails(ExecStage.EXEC, 26, JobSpec.of(program.toString()));
        }
        assertExit(0, awaitFinal(start(JobSpec.of(program.toString()))));
    }

    @Test
    void g12_s08_child_seesNothingOfTheWorker() {
        Job job = runShell("""
                ls /proc/self/fd | tr '\\n' ' '; echo
                cat /proc/self/status | grep -E 'SigBlk|SigIgn|SigCgt' | tr -d '\\t\\n'; echo
                umask; pwd; env | sort | cut -d= -f1 | tr '\\n' ' '""");
        List<String> lines = text(job, OutputView.STDOUT).lines().toList();
        // 3 is the directory that ls itself reads.
        assertEquals("0 1 2 3 ", lines.get(0));
        assertEquals("SigBlk:0000000000000000SigIgn:0000000000000000SigCgt:0000000000000000", lines.get(1));
        assertEquals("0022", lines.get(2));
        assertEquals("/", lines.get(3));
        assertEquals("JOBWORKER_JOB_ID PATH PWD ", lines.get(4).replaceAll("(OLDPWD|SHLVL|_) ", ""));
    }

    @Test
    void g12_attributes_areApplied() {
        JobSpec spec = JobSpec.builder(
                        "sh",
                        "-c",
                        "umask; pwd; echo $COLOR; ulimit -n; grep NoNewPrivs /proc/self/status | tr -d '\\t';"
                                + " cut -d' ' -f19 /proc/self/stat; cat")
                .umask(0077)
                .workingDirectory("/tmp")
                .environment("COLOR", "deep blue")
                .limit(ResourceLimit.NOFILE, 77)
                .noNewPrivileges(true)
                .nice(5)
                .input(JobInput.of("from stdin".getBytes(StandardCharsets.UTF_8)))
                .build();
        Job job = awaitFinal(start(spec));
        assertEquals("0077\n/tmp\ndeep blue\n77\nNoNewPrivs:1\n5\nfrom stdin", text(job, OutputView.COMBINED));
    }

    @Test
    void g12_ownSession_noTerminal() {
        Job job = runShell("cut -d' ' -f1,5,6,7 /proc/$$/stat");
        String[] fields = text(job, OutputView.STDOUT).strip().split(" ");
        assertEquals(fields[0], fields[1], "process group");
        assertEquals(fields[0], fields[2], "session");
        assertEquals("0", fields[3], "terminal");
    }

    @Test
    void secrets_areNeverListedBack() throws IOException {
        JobSpec spec = JobSpec.builder("true").environment("TOKEN", "s3cret").build();
        Job job = awaitFinal(start(spec));
        assertEquals("", job.spec().environment().get("TOKEN"));
        assertFalse(spec.toString().contains("s3cret"));
        assertEquals(
                "rw-------",
                PosixFilePermissions.toString(
                        Files.getPosixFilePermissions(folder(job).resolve("job.json"))));
        assertEquals(
                "rwx------",
                PosixFilePermissions.toString(Files.getPosixFilePermissions(directory.resolve("state/jobs"))));
    }

    @Test
    void g11_runningJobs_areLimited() throws IOException {
        try (JobEngine small = JobEngine.open(
                directory.resolve("small"),
                EngineOptions.DEFAULTS
                        .withMaxRunningJobs(1)
                        .withOnClose(EngineOptions.OnClose.STOP_JOBS, Duration.ZERO))) {
            Job job = small.start(StartRequest.of("tester", JobSpec.of("sleep", "300")));
            assertFails(Failure.QuotaExceeded.class, () -> small.start(StartRequest.of("tester", JobSpec.of("true"))));
            small.stop(job.id(), Duration.ZERO, "tester");
            small.await(job.id(), LONG);
            small.start(StartRequest.of("tester", JobSpec.of("true")));
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void g11_s30_manyJobsAtOnce_allEndRightAndNothingLeaks() throws Exception {
        long before = descriptors();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Job>> ends = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                int code = i % 7;
                ends.add(threads.submit(() -> runShell("echo " + code + "; exit " + code)));
            }
            for (int i = 0; i < 200; i++) {
                Job end = ends.get(i).get();
                assertExit(i % 7, end);
                assertEquals(i % 7 + "\n", text(end, OutputView.STDOUT));
            }
        }
        assertEquals(0, engine.runningJobs());
        // The selector closes a connection in its next turn.
        Awaitility.await().untilAsserted(() -> assertEquals(before, descriptors()));
    }

    /** Returns the number of open files of the engine's folders and of open sockets; the rest of this JVM opens and closes others as it likes. */
    private long descriptors() throws IOException {
        long count = 0;
        for (String descriptor : files(Path.of("/proc/self/fd"))) {
            String target = target(Path.of("/proc/self/fd", descriptor));
            count += target.startsWith(directory.toString()) || target.startsWith("socket:") ? 1 : 0;
        }
        return count;
    }

    private static String target(Path descriptor) throws IOException {
        try {
            return Files.readSymbolicLink(descriptor).toString();
        } catch (NoSuchFileException closedSince) {
            return "";
        }
    }

    @Test
    void g3_idle_nobodyWakesUp() throws Exception {
        Job job = startShell("echo ready; exec sleep 300");
        awaitOutput(job, "ready");
        int shim = shim(job);
        int launcher = parent(shim).orElseThrow();
        try (OutputReader reader = engine.output(job.id(), OutputQuery.FOLLOW_ALL.withOffset(6))) {
            // The first silence lets the news of the start settle, the second one is watched.
            assertEquals(new OutputEvent.Idle(6), reader.next(Duration.ofMillis(300)));
            List<Long> before = List.of(switches(shim, shim), switches(launcher, launcher), engineSwitches());
            assertEquals(new OutputEvent.Idle(6), reader.next(Duration.ofSeconds(2)));
            assertEquals(before, List.of(switches(shim, shim), switches(launcher, launcher), engineSwitches()));
        }
    }

    /** Returns how often the platform threads of the engine went to sleep. */
    private static long engineSwitches() throws IOException {
        long sum = 0;
        for (String task : files(Path.of("/proc/self/task"))) {
            String name = Files.readString(Path.of("/proc/self/task", task, "comm"));
            if (name.startsWith("jobworker-")) {
                sum += switches(ProcessHandle.current().pid(), Long.parseLong(task));
            }
        }
        return sum;
    }

    private static long switches(long pid, long task) throws IOException {
        return Files.readAllLines(Path.of("/proc/" + pid + "/task/" + task + "/status")).stream()
                .filter(line -> line.startsWith("voluntary_ctxt_switches"))
                .mapToLong(line -> Long.parseLong(line.split("\\s+")[1]))
                .sum();
    }
}
