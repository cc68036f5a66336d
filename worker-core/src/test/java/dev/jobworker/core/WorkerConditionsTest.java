package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** G5, G6 and G12 under workers that were started oddly, are stopped for a while, or have few rights. */
final class WorkerConditionsTest extends EngineFixture {

    /** Opens the state directory of another JVM that has left, and returns its only job. */
    private Job jobOf(JobEngine next, String id) {
        return next.get(JobId.parse(id).orElseThrow());
    }

    @Test
    void g12_s12_workerWithSpoiltSignalsUmaskAndStdin_jobSeesDefaults() throws Exception {
        Path own = Files.createDirectory(directory.resolve("odd"));
        List<String> spoilt = List.of("perl", "-e", """
                use POSIX;
                $SIG{$_} = 'IGNORE' for qw(CHLD PIPE USR1 HUP INT TERM);
                sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGQUIT, SIGUSR2, SIGALRM));
                umask 0077;
                POSIX::close(0);
                exec @ARGV""");
        String script = "cat /proc/self/status | grep -E 'SigBlk|SigIgn|SigCgt' | tr -d '\\t'; umask; ls /proc/self/fd;"
                + " readlink /proc/self/fd/0; exit 7";
        try (TestJvm jvm = TestJvm.start(
                own,
                TestJvm.ownUser(),
                spoilt,
                OneJob.class,
                own.resolve("state").toString(),
                script)) {
            String id = jvm.lines().getFirst();
            try (JobEngine next = JobEngine.open(own.resolve("state"))) {
                assertExit(7, jobOf(next, id));
            }
            assertEquals(
                    List.of(
                            "SigBlk:0000000000000000",
                            "SigIgn:0000000000000000",
                            "SigCgt:0000000000000000",
                            "0022",
                            "0",
                            "1",
                            "2",
                            "3", // the directory that ls itself reads
                            "/dev/null"),
                    Files.readAllLines(own.resolve("state/jobs").resolve(id).resolve("output")));
        }
    }

    /** The clock is what the engine asks; the deadlines of a job are its shim's, on the monotonic clock, which nobody can step. */
    @Test
    void g5_s13_wallClockSteppedByAnHour_nobodyTimesOut() throws Exception {
        AtomicReference<Duration> step = new AtomicReference<>(Duration.ZERO);
        Hooks hooks = new Hooks(() -> Instant.now().plus(step.get()), _ -> {}, null);
        EngineOptions options = EngineOptions.DEFAULTS
                .withRetention(new Retention(100, Long.MAX_VALUE, Duration.ofHours(2)))
                .withOnClose(EngineOptions.OnClose.STOP_JOBS, Duration.ZERO);
        Path gate = fifo("gate");
        JobSpec spec = JobSpec.builder("sh", "-c", "echo ready; read go < " + gate + "; exit 6")
                .timeout(Duration.ofMinutes(30))
                .build();
        try (JobEngine other = JobEngine.open(directory.resolve("other"), options, hooks)) {
            Job before = other.start(StartRequest.of("tester", spec));
            for (Duration hours : List.of(Duration.ofHours(1), Duration.ofHours(-1), Duration.ofHours(1))) {
                step.set(hours);
                Job inBetween = other.start(StartRequest.of("tester", JobSpec.of("true")));
                assertExit(0, other.await(inBetween.id(), LONG));
                assertEquals(
                        inBetween.id(),
                        other.list(JobFilter.ALL, null, 1).getFirst().id());
                assertEquals(JobState.RUNNING, other.get(before.id()).state());
                assertEquals(
                        JobState.RUNNING,
                        other.await(before.id(), Duration.ofMillis(20)).state());
            }
            Files.writeString(gate, "go\n");
            Job end = other.await(before.id(), LONG);
            assertExit(6, end);
            assertEquals(Cause.Kind.OWN_ACCORD, ended(end).cause().kind());
            assertEquals(4, other.retainedJobs());
        }
    }

    @Test
    void g5_s13_workerStopped_jobsMeetTheirOwnDeadlinesAndNoOther() throws Exception {
        Path own = Files.createDirectory(directory.resolve("stopped"));
        Path gate = fifo("gate");
        try (TestJvm jvm = TestJvm.start(
                own,
                TestJvm.ownUser(),
                List.of(),
                OneJob.class,
                own.resolve("state").toString(),
                "read go < " + gate + "; echo late; exit 6")) {
            String id = jvm.nextLine();
            signal("STOP", jvm.pid());
            Awaitility.await().until(() -> stateOf(jvm.pid()) == 'T');
            Path record = own.resolve("state/jobs").resolve(id).resolve("exit.json");
            Files.writeString(gate, "go\n");
            Awaitility.await().until(() -> Files.exists(record));
            signal("CONT", jvm.pid());
            jvm.lines();
            try (JobEngine next = JobEngine.open(own.resolve("state"))) {
                Job end = jobOf(next, id);
                assertExit(6, end);
                assertEquals(Cause.Kind.OWN_ACCORD, ended(end).cause().kind());
                assertEquals(5, end.output().stdoutBytes());
            }
        }
    }

    /** It ended in time, and its shim learns of that and of the deadline in one moment. */
    @Test
    void g5_s13_shimStoppedOverTheDeadline_jobThatEndedBeforeIsNoTimeout() throws Exception {
        Path gate = fifo("gate");
        Duration limit = Duration.ofSeconds(3);
        Job job = start(JobSpec.builder("sh", "-c", "echo ready; read go < " + gate + "; exit 0")
                .timeout(limit)
                .build());
        awaitOutput(job, "ready");
        Instant deadline = job.status().started().orElseThrow().plus(limit);
        int main = pid(job);
        int shim = shim(job);
        signal("STOP", shim);
        Awaitility.await().until(() -> stateOf(shim) == 'T');
        Files.writeString(gate, "go\n");
        Awaitility.await().until(() -> stateOf(main) == 'Z');
        assertTrue(Instant.now().isBefore(deadline), "this machine is too slow to tell");
        Awaitility.await().until(() -> Instant.now().isAfter(deadline.plusMillis(200)));
        signal("CONT", shim);
        Job end = awaitFinal(job);
        assertExit(0, end);
        assertEquals(new Cause(Cause.Kind.OWN_ACCORD, null, false), ended(end).cause());
    }

    @Test
    void g5_s13_shimStoppedForAWhile_deadlineThatIsFarStaysFar() throws Exception {
        Path gate = fifo("gate");
        Job job = start(JobSpec.builder("sh", "-c", "echo ready; read go < " + gate + "; echo done")
                .timeout(Duration.ofMinutes(10))
                .build());
        awaitOutput(job, "ready");
        int shim = shim(job);
        signal("STOP", shim);
        Awaitility.await().until(() -> stateOf(shim) == 'T');
        signal("CONT", shim);
        Files.writeString(gate, "go\n");
        assertExit(0, awaitFinal(job));
        assertEquals("ready\ndone\n", text(job, OutputView.STDOUT));
    }

    /** The ordinary users that this worker can become: only root can, and only root can make what such a user may not kill. */
    static List<Integer> ordinaryUsers() {
        return TestJvm.ownUser() == 0 ? List.of(TestJvm.NOBODY) : List.of();
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("ordinaryUsers")
    void g6_s14_setuidGrandchildOfAnUnprivilegedWorker_stop_namesTheSurvivorInBoundedTime(int user) throws Exception {
        Path own = Files.createDirectory(directory.resolve("unprivileged"));
        Files.setAttribute(directory, "unix:mode", 0755);
        Path programs = directory.resolve("programs");
        try (Closeable _ = placeForSetuid(directory, programs)) {
            Path becomeRoot = programs.resolve("become-root");
            Files.copy(Path.of("/usr/bin/setpriv"), becomeRoot);
            Files.setAttribute(becomeRoot, "unix:mode", 04755);
            // The first stays the worker's by its real user id, and can be killed; the second is root's altogether.
            Path halfRoot = programs.resolve("half-root");
            Files.copy(Path.of("/bin/sleep"), halfRoot);
            Files.setAttribute(halfRoot, "unix:mode", 04755);
            String script = halfRoot + " 1000 & (setsid " + becomeRoot + " --reuid=0 --regid=0 --clear-groups"
                    + " sh -c 'echo ready; exec sleep 1000' &) ; exec sleep 1000";
            String id;
            long millis;
            try (TestJvm jvm = TestJvm.start(
                    own, user, List.of(), OneJob.class, own.resolve("state").toString(), script)) {
                List<String> lines = jvm.lines();
                id = lines.getFirst();
                millis = Long.parseLong(lines.get(1));
            }
            assertTrue(millis < 10_000, millis + " ms");
            try (JobEngine next = JobEngine.open(own.resolve("state"))) {
                JobStatus.Ended end = ended(jobOf(next, id));
                assertEquals(new ExitStatus.Signaled(Signal.KILL, false), end.exit());
                assertEquals(1, end.survivors().size(), () -> end.survivors().toString());
                Survivor survivor = end.survivors().getFirst();
                assertEquals(0, survivor.uid());
                assertEquals("sleep", survivor.command());
                assertTrue(isAlive(survivor.pid()));
                signal("KILL", survivor.pid());
                Awaitility.await().until(() -> !isAlive(survivor.pid()));
            }
            assertEquals(List.of(), Holdings.processesWith(halfRoot.toString()));
        }
    }

    private static Closeable placeForSetuid(Path parent, Path path) throws IOException {
        if (Tmpfs.isWithoutSetuid(parent)) {
            return Tmpfs.mount(path, 4096);
        }
        Files.createDirectory(path);
        return () -> {};
    }

    private static void signal(String name, long pid) throws Exception {
        assertEquals(
                0,
                new ProcessBuilder("kill", "-" + name, Long.toString(pid))
                        .start()
                        .waitFor());
    }

    private static char stateOf(long pid) throws IOException {
        String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
        return stat.charAt(stat.lastIndexOf(')') + 2);
    }

    private Path fifo(String name) {
        Path path = directory.resolve(name);
        assertExit(0, awaitFinal(start(JobSpec.of("mkfifo", path.toString()))));
        return path;
    }
}
