package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** G7: the worker can die, and so can the shim and the launcher. */
final class RecoveryTest extends EngineFixture {
    private final UUID requestId = UUID.randomUUID();

    private void reopen() throws IOException {
        engine.close();
        openEngine();
    }

    /** Replaces the engine of the fixture by one of another JVM on the same directory. */
    private WorkerProcess otherWorker(String script, String step) throws IOException {
        engine.close();
        return WorkerProcess.starting(directory.resolve("state"), requestId, script, step);
    }

    private static void kill(String signal, int pid) throws Exception {
        new ProcessBuilder("kill", signal, Integer.toString(pid)).start().waitFor();
    }

    private Job startAgain(String script) {
        return engine.start(new StartRequest("tester", requestId, shell(script), Integer.MAX_VALUE));
    }

    @Test
    void g7_s15_workerKilled_runningJobGoesOnAndTellsItsTrueEnd() throws Exception {
        Path gate = directory.resolve("gate");
        runShell("mkfifo " + gate);
        String script = "echo before; read go < " + gate + "; echo after; exit 7";
        JobId id;
        try (WorkerProcess worker = otherWorker(script, "")) {
            id = worker.awaitJob();
            worker.kill();
        }
        openEngine();
        Job job = engine.get(id);
        assertEquals(JobState.RUNNING, job.state());
        assertTrue(isAlive(pid(job)));
        assertEquals(1, engine.runningJobs());
        assertEquals(id, startAgain(script).id());
        Files.writeString(gate, "go\n");
        assertEquals("before\nafter\n", text(job, OutputView.COMBINED));
        assertExit(7, awaitFinal(job));
        assertEquals(0, engine.runningJobs());
    }

    @Test
    void g7_workerKilled_jobsThatAreToDieWithItDieWithTheirTrees() throws Exception {
        engine.close();
        JobId id;
        try (WorkerProcess worker = WorkerProcess.starting(
                directory.resolve("state"),
                requestId,
                "setsid sleep 300 & trap '' TERM; echo kept; while :; do sleep 300; done",
                "",
                EngineOptions.OnWorkerDeath.KILL)) {
            id = worker.awaitJob();
            worker.kill();
        }
        openEngine();
        Job job = engine.await(id, LONG);
        assertEquals(
                new Cause(Cause.Kind.WORKER_SHUTDOWN, "death of the worker", true),
                ended(job).cause());
        assertEquals(new ExitStatus.Signaled(Signal.KILL, false), ended(job).exit());
        assertEquals(List.of(), processesOf(id));
    }

    @Test
    void g7_s16_jobEndsWhileNoWorkerRuns_isFoundWithEverything() throws Exception {
        Path gate = directory.resolve("gate");
        runShell("mkfifo " + gate);
        JobId id;
        try (WorkerProcess worker = otherWorker("read go < " + gate + "; echo done; kill -9 $$", "")) {
            id = worker.awaitJob();
            worker.kill();
        }
        Files.writeString(gate, "go\n");
        Path exit = directory.resolve("state/jobs").resolve(id.toString()).resolve("exit.json");
        Awaitility.await().until(() -> Files.exists(exit));
        openEngine();
        Job job = engine.get(id);
        assertEquals(new ExitStatus.Signaled(Signal.KILL, false), ended(job).exit());
        assertEquals("done\n", text(job, OutputView.STDOUT));
        assertTrue(ended(job).usage().peakMemoryBytes() > 0);
        reopen();
        assertEquals(job, engine.get(id));
    }

    @Test
    void g7_stopOrderedBeforeTheWorkerDied_isCarriedOut() throws Exception {
        Job job = startShell("trap '' TERM; echo ready; while :; do sleep 1; done");
        awaitOutput(job, "ready");
        JobEngine leaving =
                JobEngine.open(directory.resolve("other"), EngineOptions.DEFAULTS.withSurvivePowerLoss(false));
        Job left =
                leaving.start(StartRequest.of("tester", shell("trap '' TERM; echo ready; while :; do sleep 1; done")));
        try (OutputReader reader = leaving.output(left.id(), OutputQuery.FOLLOW_ALL)) {
            reader.next();
        }
        leaving.stop(left.id(), Duration.ofMillis(300), "tester");
        leaving.close();
        try (JobEngine next = JobEngine.open(directory.resolve("other"))) {
            Job end = next.await(left.id(), LONG);
            assertEquals(
                    new Cause(Cause.Kind.STOP_REQUEST, "tester", true),
                    ended(end).cause());
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FOLDER_MADE", "FOLDER_WRITTEN", "REQUEST_SENT", "REPLY_RECEIVED", "JOB_ENTERED"})
    void g7_s17_workerDiesDuringStart_nothingRunsTwice(FaultPoint step) throws Exception {
        Path runs = directory.resolve("runs");
        String script = "echo run >> " + runs + "; echo output";
        try (WorkerProcess worker = otherWorker(script, step.name())) {
            assertEquals(WorkerProcess.HALTED, worker.awaitExit());
        }
        openEngine();
        int found = engine.list(JobFilter.ALL, null, 10).size();
        assertTrue(found <= 1);
        if (step == FaultPoint.FOLDER_MADE || step == FaultPoint.FOLDER_WRITTEN) {
            assertEquals(0, found);
            assertEquals(List.of(), files(directory.resolve("state/jobs")));
        }
        if (step == FaultPoint.REPLY_RECEIVED || step == FaultPoint.JOB_ENTERED) {
            assertEquals(1, found);
        }
        Job job = awaitFinal(startAgain(script));
        assertExit(0, job);
        assertEquals("output\n", text(job, OutputView.COMBINED));
        assertEquals(List.of("run"), Files.readAllLines(runs));
        assertEquals(1, engine.retainedJobs());
    }

    @Test
    void g7_s18_shimKilled_jobIsLostAndItsTreeIsSwept() throws Exception {
        Job job = startShell("setsid sleep 300 & sleep 300 & echo kept; exec sleep 300");
        awaitOutput(job, "kept");
        try (OutputReader reader = engine.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            kill("-9", shim(job));
            Job lost = awaitFinal(job);
            assertEquals(JobState.LOST, lost.state());
            assertTrue(assertInstanceOf(JobStatus.Lost.class, lost.status())
                    .evidence()
                    .contains("killed"));
            assertEquals(List.of(), processesOf(job.id()));
            assertInstanceOf(OutputEvent.Chunk.class, reader.next());
            assertEquals(
                    JobState.LOST,
                    assertInstanceOf(OutputEvent.End.class, reader.next()).job().state());
        }
        reopen();
        assertEquals(JobState.LOST, engine.get(job.id()).state());
        assertEquals("kept\n", text(job, OutputView.COMBINED));
    }

    @Test
    void g7_launcherKilled_jobsGoOnAndNewOnesStart() throws Exception {
        Job job = startShell("echo ready; exec sleep 300");
        awaitOutput(job, "ready");
        int launcher = parent(shim(job)).orElseThrow();
        kill("-9", launcher);
        Awaitility.await().until(() -> !isAlive(launcher));
        assertExit(0, awaitFinal(startEventually("exit 0")));
        assertEquals(JobState.RUNNING, engine.get(job.id()).state());
        engine.stop(job.id(), Duration.ZERO, "tester");
        assertEquals(JobState.STOPPED, awaitFinal(job).state());
    }

    /** The start that finds the launcher dead may fail, cleanly; one after it succeeds. */
    private Job startEventually(String script) {
        try {
            return startShell(script);
        } catch (JobException e) {
            assertInstanceOf(Failure.Internal.class, e.failure());
            return startShell(script);
        }
    }

    @Test
    void g7_s19_anotherBoot_runningJobIsLostAndNobodyIsSignalled() throws Exception {
        JobId id;
        try (JobEngine leaving = JobEngine.open(directory.resolve("other"))) {
            id = leaving.start(StartRequest.of("tester", shell("echo kept; exec sleep 300")))
                    .id();
            try (OutputReader reader = leaving.output(id, OutputQuery.FOLLOW_ALL)) {
                reader.next();
            }
        }
        Path record = directory.resolve("other/jobs").resolve(id.toString()).resolve("job.json");
        String bootId =
                Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
        Files.writeString(
                record,
                Files.readString(record).replace(bootId, UUID.randomUUID().toString()));
        try (JobEngine next = JobEngine.open(directory.resolve("other"))) {
            assertEquals(JobState.LOST, next.get(id).state());
            assertEquals(0, next.runningJobs());
            List<Long> alive = processesOf(id);
            assertEquals(1, alive.size());
            new ProcessBuilder("kill", alive.getFirst().toString()).start().waitFor();
        }
    }

    @Test
    void g7_s21_secondWorker_onOneDirectory_isRefused() {
        IOException inThisJvm = assertThrows(IOException.class, () -> JobEngine.open(directory.resolve("state")));
        assertEquals("another worker uses the state directory " + directory.resolve("state"), inThisJvm.getMessage());
    }

    @Test
    void g7_s21_secondWorker_refusedInThisJvm_leavesTheFirstItsLock() throws Exception {
        Path state = directory.resolve("state");
        assertThrows(IOException.class, () -> JobEngine.open(state));
        try (WorkerProcess other = WorkerProcess.starting(state, requestId, "exit 0", "")) {
            assertThrows(AssertionError.class, other::awaitJob, "the other JVM got the directory");
        }
    }

    @Test
    void open_byAnInterruptedThread_takesUpEveryJob() throws Exception {
        Path state = directory.resolve("other");
        JobId id;
        try (JobEngine leaving = JobEngine.open(state)) {
            id = leaving.start(StartRequest.of("tester", JobSpec.of("sleep", "300")))
                    .id();
        }
        EngineOptions options = EngineOptions.DEFAULTS.withOnClose(EngineOptions.OnClose.STOP_JOBS, Duration.ZERO);
        Thread.currentThread().interrupt();
        try (JobEngine next = JobEngine.open(state, options)) {
            assertTrue(Thread.interrupted(), "the interrupt is the caller's still");
            assertEquals(JobState.RUNNING, next.get(id).state());
            assertTrue(pid(next.get(id)) > 0);
        }
    }

    @Test
    void start_byAnInterruptedThread_isAJobThatCanBeStopped() throws Exception {
        Thread.currentThread().interrupt();
        Job job = startShell("exec sleep 300");
        assertTrue(Thread.interrupted(), "the interrupt is the caller's still");
        engine.stop(job.id(), Duration.ZERO, "tester");
        assertEquals(JobState.STOPPED, awaitFinal(job).state());
    }

    @Test
    void start_byAThreadThatIsInterruptedMeanwhile_isAJob() throws Exception {
        Set<FaultPoint> passed = EnumSet.noneOf(FaultPoint.class);
        Consumer<FaultPoint> interrupting = point -> {
            if (passed.add(point)) {
                Thread.currentThread().interrupt();
            }
        };
        try (JobEngine other =
                JobEngine.open(directory.resolve("other"), EngineOptions.DEFAULTS, Hooks.faults(interrupting))) {
            Job job = other.start(StartRequest.of("tester", shell("exit 3")));
            assertTrue(
                    passed.containsAll(Set.of(
                            FaultPoint.FOLDER_MADE, FaultPoint.FOLDER_WRITTEN,
                            FaultPoint.REQUEST_SENT, FaultPoint.REPLY_RECEIVED)),
                    passed::toString);
            assertTrue(Thread.interrupted(), "the interrupt is the caller's still");
            assertExit(3, other.await(job.id(), LONG));
        }
    }

    @Test
    void output_openedByAnInterruptedThread_isOpen() throws Exception {
        Job job = runShell("echo one; echo two");
        Thread.currentThread().interrupt();
        OutputQuery lastLine =
                new OutputQuery(OutputView.COMBINED, new OutputQuery.From.TailLines(1), true, Long.MAX_VALUE);
        try (OutputReader reader = engine.output(job.id(), lastLine)) {
            assertTrue(Thread.interrupted(), "the interrupt is the caller's still");
            assertEquals(4, ((OutputEvent.Chunk) reader.next()).offset());
        }
    }

    @Test
    void connectionToAShim_takenByAnother_isMadeAgain() throws Exception {
        Path gate = directory.resolve("gate");
        Job job =
                startShell("echo before; while [ ! -e " + gate + " ]; do sleep 0.05; done; echo after; exec sleep 300");
        awaitOutput(job, "before");
        UnixDomainSocketAddress socket = UnixDomainSocketAddress.of(folder(job).resolve("shim.sock"));
        try (SocketChannel thief = SocketChannel.open(socket)) {
            ByteBuffer status = ByteBuffer.allocate(2 * ShimStatus.BYTES);
            int read = thief.read(status);
            while (read >= 0) { // the engine takes it back, which ends this one
                read = thief.read(status.clear());
            }
        }
        Files.createFile(gate);
        awaitOutput(job, "after");
        engine.stop(job.id(), Duration.ZERO, "tester");
        assertEquals(JobState.STOPPED, awaitFinal(job).state());
        assertEquals(0, engine.runningJobs());
    }

    @Test
    void close_fromACallbackOfAnExit_ends() throws Exception {
        JobEngine other = JobEngine.open(directory.resolve("other"));
        Job job = other.start(StartRequest.of("tester", JobSpec.of("true")));
        other.onExit(job.id())
                .thenAccept(_ -> other.close())
                .toCompletableFuture()
                .get(60, TimeUnit.SECONDS);
        assertFails(Failure.Closed.class, () -> other.get(job.id()));
    }

    @Test
    void g7_s21_secondWorker_inAnotherJvm_isRefused() throws Exception {
        try (WorkerProcess other = otherWorker("exec sleep 300", "")) {
            JobId id = other.awaitJob();
            assertThrows(IOException.class, () -> JobEngine.open(directory.resolve("state")));
            other.kill();
            openEngine();
            assertEquals(JobState.RUNNING, engine.get(id).state());
        }
    }

    @Test
    void longStateDirectory_works() throws Exception {
        Path deep = directory.resolve("d".repeat(100)).resolve("e".repeat(100));
        try (JobEngine other = JobEngine.open(deep)) {
            Job job = other.start(StartRequest.of("tester", JobSpec.of("true")));
            assertExit(0, other.await(job.id(), LONG));
        }
    }

    @Test
    void interruptedDeletion_isFinishedAtOpen() throws IOException {
        engine.close();
        Path left = directory.resolve("state/jobs/.discarded-x");
        Files.createDirectory(left);
        Files.writeString(left.resolve("output"), "x");
        openEngine();
        assertFalse(Files.exists(left));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{", "{\"version\":1,\"owner\":\"te"})
    void folder_whoseRecordIsTorn_neverStartedAndIsRemoved(String torn) throws IOException {
        Job job = runShell("exit 0");
        engine.close();
        Path folder = directory
                .resolve("state/jobs")
                .resolve(JobId.create(Instant.now()).toString());
        Files.createDirectory(folder);
        Files.createFile(folder.resolve("shim.lock"));
        Files.writeString(folder.resolve("job.json"), torn);
        openEngine();
        assertFalse(Files.exists(folder));
        assertEquals(JobState.SUCCEEDED, engine.get(job.id()).state());
    }

    @Test
    void leftover_thatCannotBeRemoved_doesNotKeepTheEngineFromOpening() throws IOException {
        engine.close();
        Path stuck = directory.resolve("state/jobs/.discarded-x");
        Files.createDirectories(stuck.resolve("not-a-file-of-ours/full"));
        openEngine();
        assertTrue(Files.exists(stuck));
    }

    @Test
    void exitRecord_ofANewerKind_isLeftAlone() throws Exception {
        Job job = runShell("exit 0");
        engine.close();
        Path record = folder(job).resolve("exit.json");
        String newer = Files.readString(record).replace("OWN_ACCORD", "SOLAR_FLARE");
        Files.writeString(record, newer);
        openEngine();
        assertFails(Failure.NoSuchJob.class, () -> engine.get(job.id()));
        assertEquals(newer, Files.readString(record));
    }

    @Test
    void tornIndex_ofALostJob_isRepaired() throws Exception {
        Job job = startShell("echo one; echo two >&2; echo ready; exec sleep 300");
        awaitOutput(job, "ready");
        int shim = shim(job);
        kill("-STOP", shim);
        String all = "one\ntwo\nready\n";
        try (FileChannel index = FileChannel.open(folder(job).resolve("output.index"), StandardOpenOption.WRITE)) {
            index.truncate(index.size() - 5);
        }
        Files.writeString(folder(job).resolve("output"), "tail", StandardOpenOption.APPEND);
        kill("-9", shim);
        Job lost = awaitFinal(job);
        assertEquals(all.length() + 4, lost.output().combinedBytes());
        String combined = text(lost, OutputView.COMBINED);
        assertTrue(combined.endsWith("tail"));
        assertEquals(
                combined.length(),
                text(lost, OutputView.STDOUT).length()
                        + text(lost, OutputView.STDERR).length());
    }

    @Test
    void zerosAtTheEndOfTheIndex_asAfterAPowerLoss_areDropped() throws Exception {
        Job job = startShell("echo out; echo err >&2; echo ready; exec sleep 300");
        awaitOutput(job, "ready");
        int shim = shim(job);
        kill("-STOP", shim);
        Files.write(folder(job).resolve("output.index"), new byte[100], StandardOpenOption.APPEND);
        kill("-9", shim);
        Job lost = awaitFinal(job);
        assertEquals(JobState.LOST, lost.state());
        assertEquals("out\nready\n", text(lost, OutputView.STDOUT));
        assertEquals("err\n", text(lost, OutputView.STDERR));
    }

    @Test
    void requestId_repeated_givesTheSameJob() throws Exception {
        StartRequest request = new StartRequest("tester", requestId, JobSpec.of("true"), Integer.MAX_VALUE);
        Job job = engine.start(request);
        assertEquals(job.id(), engine.start(request).id());
        assertFails(
                Failure.RequestIdReused.class,
                () -> engine.start(new StartRequest("tester", requestId, JobSpec.of("false"), Integer.MAX_VALUE)));
        Job other = engine.start(new StartRequest("other", requestId, JobSpec.of("true"), Integer.MAX_VALUE));
        assertFalse(other.id().equals(job.id()));
        awaitFinal(job);
        awaitFinal(other);
        reopen();
        assertEquals(job.id(), engine.start(request).id());
        engine.delete(job.id());
        assertFalse(engine.start(request).id().equals(job.id()));
    }

    @Test
    void delete_finalJob_leavesNothing() throws Exception {
        Job running = startShell("exec sleep 300");
        assertFails(Failure.NotFinal.class, () -> engine.delete(running.id()));
        Job job = runShell("echo hello");
        OutputQuery lastLine =
                new OutputQuery(OutputView.COMBINED, new OutputQuery.From.TailLines(1), true, Long.MAX_VALUE);
        try (OutputReader reader = engine.output(job.id(), lastLine)) {
            engine.delete(job.id());
            OutputEvent.Chunk chunk = assertInstanceOf(OutputEvent.Chunk.class, reader.next());
            assertEquals("hello\n", StandardCharsets.UTF_8.decode(chunk.bytes()).toString());
        }
        assertFails(Failure.NoSuchJob.class, () -> engine.get(job.id()));
        assertFails(Failure.NoSuchJob.class, () -> engine.delete(job.id()));
        assertEquals(List.of(running.id().toString()), files(directory.resolve("state/jobs")));
    }

    @Test
    void close_endsAllWaiting() throws Exception {
        JobEngine other = JobEngine.open(directory.resolve("other"));
        Job job = other.start(StartRequest.of("tester", JobSpec.of("sleep", "300")));
        var exit = other.onExit(job.id()).toCompletableFuture();
        OutputReader reader = other.output(job.id(), OutputQuery.FOLLOW_ALL);
        other.close();
        ExecutionException closed = assertThrows(ExecutionException.class, () -> exit.get(10, TimeUnit.SECONDS));
        assertInstanceOf(JobException.class, closed.getCause());
        assertFails(Failure.Closed.class, () -> {
            try {
                reader.next();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        });
        assertFails(Failure.Closed.class, () -> other.get(job.id()));
        assertTrue(isAlive(pid(job)));
        JobEngine stopping = JobEngine.open(
                directory.resolve("other"),
                EngineOptions.DEFAULTS.withOnClose(EngineOptions.OnClose.STOP_JOBS, Duration.ofSeconds(5)));
        stopping.close();
        assertFalse(isAlive(pid(job)));
        try (JobEngine last = JobEngine.open(directory.resolve("other"))) {
            assertEquals(
                    Cause.Kind.WORKER_SHUTDOWN,
                    ended(last.get(job.id())).cause().kind());
        }
    }

    @Test
    void close_leavesNoThreadAndNoLauncher() throws Exception {
        try (JobEngine other = JobEngine.open(directory.resolve("other"))) {
            Job job = other.start(StartRequest.of("tester", JobSpec.of("true")));
            other.await(job.id(), LONG);
        }
        engine.close();
        Awaitility.await()
                .until(() -> Thread.getAllStackTraces().keySet().stream()
                        .noneMatch(thread -> thread.getName().startsWith("jobworker-")));
        Awaitility.await()
                .until(() -> ProcessHandle.current()
                        .descendants()
                        .noneMatch(
                                process -> process.info().command().orElse("").contains("job-shim")));
    }

    @Test
    void unreadableFolder_isLeftAlone() throws Exception {
        Job job = runShell("echo kept");
        engine.close();
        Path record = folder(job).resolve("job.json");
        try (FileChannel channel = FileChannel.open(record, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap("{\"version\":".getBytes(StandardCharsets.UTF_8)));
            channel.truncate(11);
        }
        openEngine();
        assertFails(Failure.NoSuchJob.class, () -> engine.get(job.id()));
        assertTrue(Files.exists(folder(job).resolve("output")));
    }
}
