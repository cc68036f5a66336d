package dev.jobworker.core;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Kills a shim or a launcher at each step of its work: strace(1) sends it SIGKILL when it enters a system call that marks the step. Only the helper
 * makes these calls, or it makes them before its job could.
 */
final class ShimCrashMatrix {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final Pattern FORKED = Pattern.compile("fork.*= (\\d+)$");

    private final Path directory;
    private final Path state;
    private final long seed;
    private final List<String> violations = new ArrayList<>();
    private final Map<String, CrashMatrix.Row> rows = new TreeMap<>();
    private int number;

    /** What must have become of the job. */
    enum Fate {
        /** Nothing was executed: the start fails, or is repeated by itself; asked again, the job runs. */
        NEVER_STARTED,
        /** The job may have run: it is LOST, and is never run again. */
        LOST,
        /** Its end was on disk already, or its shim does not need who was killed. */
        TOLD
    }

    /** Who is killed. */
    enum Victim {
        LAUNCHER,
        /** Traced through its launcher from its fork on: for calls that neither launcher nor job come to make so often. */
        NEW_SHIM,
        /** Traced alone from when its job waits at its gate. */
        SHIM
    }

    /** A step of the helper's work: the system call that is not made any more, the how many-th of its process that is, and whose. */
    enum Step {
        LAUNCHER_BEFORE_IT_OPENS_THE_FOLDER("open", 1, Victim.LAUNCHER, Fate.NEVER_STARTED),
        LAUNCHER_BEFORE_BIND("bind", 1, Victim.LAUNCHER, Fate.NEVER_STARTED),
        LAUNCHER_AFTER_BIND_BEFORE_THE_LOCK("listen", 1, Victim.LAUNCHER, Fate.NEVER_STARTED),
        LAUNCHER_AFTER_THE_LOCK_BEFORE_FORK("fstat", 1, Victim.LAUNCHER, Fate.NEVER_STARTED),
        LAUNCHER_AFTER_FORK("rt_sigprocmask", 3, Victim.LAUNCHER, Fate.TOLD),
        SHIM_BEFORE_ITS_FILES("setsid", 1, Victim.NEW_SHIM, Fate.NEVER_STARTED),
        SHIM_AFTER_ITS_FILES("pwrite64", 1, Victim.NEW_SHIM, Fate.NEVER_STARTED),
        SHIM_BEFORE_THE_START_MARK("pwrite64", 2, Victim.NEW_SHIM, Fate.NEVER_STARTED),
        SHIM_AFTER_THE_START_MARK("pipe2", 3, Victim.NEW_SHIM, Fate.LOST),
        SHIM_BEFORE_THE_FORK("vfork", 1, Victim.NEW_SHIM, Fate.LOST),
        SHIM_AFTER_THE_FORK_BEFORE_THE_REPLY("close", 2, Victim.NEW_SHIM, Fate.LOST),
        SHIM_AFTER_THE_REPLY("open", 3, Victim.NEW_SHIM, Fate.LOST),
        SHIM_AT_THE_CONNECTION_OF_THE_WORKER("accept4", 1, Victim.NEW_SHIM, Fate.LOST),
        SHIM_BEFORE_THE_FIRST_STATUS("sendto", 1, Victim.NEW_SHIM, Fate.LOST),
        SHIM_BEFORE_THE_BYTES("pwrite64", 3, Victim.NEW_SHIM, Fate.LOST),
        SHIM_BETWEEN_BYTES_AND_INDEX("pwrite64", 4, Victim.NEW_SHIM, Fate.LOST),
        SHIM_AFTER_THE_INDEX_BEFORE_THE_STATUS("sendto", 2, Victim.NEW_SHIM, Fate.LOST),
        SHIM_BEFORE_IT_REAPS_THE_MAIN_PROCESS("wait4", 1, Victim.SHIM, Fate.LOST),
        SHIM_AFTER_IT_REAPED_THE_MAIN_PROCESS("wait4", 2, Victim.SHIM, Fate.LOST),
        SHIM_BEFORE_IT_STOPS_THE_TREE("kill", 1, Victim.SHIM, Fate.LOST),
        SHIM_WHILE_IT_STOPS_THE_TREE("kill", 2, Victim.SHIM, Fate.LOST),
        SHIM_BEFORE_IT_KILLS_THE_TREE("kill", 3, Victim.SHIM, Fate.LOST),
        SHIM_WHILE_IT_KILLS_THE_TREE("kill", 4, Victim.SHIM, Fate.LOST),
        SHIM_BEFORE_THE_SYNC_OF_THE_OUTPUT("fsync", 1, Victim.SHIM, Fate.LOST),
        SHIM_BEFORE_THE_EXIT_RECORD("pwrite64", 3, Victim.SHIM, Fate.LOST),
        SHIM_WITHIN_THE_EXIT_RECORD("ftruncate", 1, Victim.SHIM, Fate.LOST),
        SHIM_BEFORE_THE_SYNC_OF_THE_EXIT_RECORD("fsync", 3, Victim.SHIM, Fate.LOST),
        SHIM_BEFORE_THE_RENAME("renameat", 1, Victim.SHIM, Fate.LOST),
        SHIM_AFTER_THE_RENAME("fsync", 4, Victim.SHIM, Fate.TOLD),
        SHIM_BEFORE_IT_EXITS("exit_group", 1, Victim.SHIM, Fate.TOLD);

        private final String call;
        private final int pass;
        private final Victim victim;
        private final Fate fate;

        /** Whether only calls with /dev/null are meant: the launcher makes others of the kind when it sweeps. */
        private boolean isOfNull() {
            return this == SHIM_AFTER_THE_FORK_BEFORE_THE_REPLY || this == SHIM_AFTER_THE_REPLY;
        }

        Step(String call, int pass, Victim victim, Fate fate) {
            this.call = call;
            this.pass = pass;
            this.victim = victim;
            this.fate = fate;
        }
    }

    private ShimCrashMatrix(Path directory, long seed) {
        this.directory = directory;
        this.seed = seed;
        state = directory.resolve("state");
    }

    /** Usage: {@code ShimCrashMatrix [--seed N] [--repetitions N]}. Needs strace and the right to trace. */
    @SuppressWarnings("SystemExitOutsideMain")
    public static void main(String[] args) throws Exception {
        long seed = System.nanoTime() % 1_000_000;
        int repetitions = 5;
        for (int i = 0; i + 1 < args.length; i += 2) {
            switch (args[i]) {
                case "--seed" -> seed = Long.parseLong(args[i + 1]);
                case "--repetitions" -> repetitions = Integer.parseInt(args[i + 1]);
                default -> throw new IllegalArgumentException(args[i]);
            }
        }
        Path directory = CrashMatrix.temporary();
        System.out.println("shim crash matrix: seed " + seed + ", " + repetitions + " repetitions of "
                + Step.values().length + " steps, in " + directory);
        ShimCrashMatrix matrix = new ShimCrashMatrix(directory, seed);
        SplittableRandom random = new SplittableRandom(seed);
        for (int i = 0; i < repetitions; i++) {
            for (Step step : Step.values()) {
                matrix.attempt(step, random.nextBoolean(), 1 + random.nextInt(400));
            }
        }
        matrix.checkLeftovers();
        CrashMatrix.print(matrix.rows.values());
        if (matrix.violations.isEmpty()) {
            CrashMatrix.removeTree(directory);
        }
        System.exit(matrix.violations.isEmpty() ? 0 : 1);
    }

    /**
     * One job, whose helper is killed at {@code step}.
     *
     * @param reopened whether another engine is to find out what happened; otherwise the one that started it
     */
    private void attempt(Step step, boolean reopened, int lines) throws Exception {
        number++;
        checkLeftovers(); // so that there is one launcher only
        Attempt attempt = new Attempt(step, reopened, lines);
        CrashMatrix.Row row = rows.computeIfAbsent(
                step.name(),
                _ -> new CrashMatrix.Row(
                        step.victim == Victim.LAUNCHER ? "s17 s18" : "s18",
                        step.name().toLowerCase(Locale.ROOT).replace('_', ' ').replaceFirst(" ", " killed ")));
        row.repetitions++;
        int before = violations.size();
        attempt.run();
        row.violations += violations.size() - before;
    }

    private EngineOptions options() {
        return EngineOptions.DEFAULTS.withOnClose(EngineOptions.OnClose.LEAVE_RUNNING, Duration.ZERO);
    }

    private final class Attempt {
        private final Step step;
        private final boolean reopened;
        private final UUID requestId = UUID.randomUUID();
        private final Path runs = directory.resolve("runs" + number);
        private final Path gate = directory.resolve("gate" + number);
        private final Path trace = directory.resolve("trace" + number);
        private final String token =
                "99998.%06d%05d".formatted(ProcessHandle.current().pid() % 1_000_000, number);
        private final String printed;
        private final JobSpec spec;

        Attempt(Step step, boolean reopened, int lines) {
            this.step = step;
            this.reopened = reopened;
            StringBuilder text = new StringBuilder();
            for (int i = 1; i <= lines; i++) {
                text.append(number).append(' ').append(i).append('\n');
            }
            printed = text.toString();
            // Dies by a signal: exit would be a system call of the shim's, too. One write, so that there is one record.
            spec = JobSpec.of(
                    "sh",
                    "-c",
                    "echo run >> " + runs + "; " + (step.victim == Victim.LAUNCHER ? "" : daemons()) + "read go < "
                            + gate
                            + "; printf '%s' '" + printed + "'; "
                            + (step.victim == Victim.LAUNCHER ? "" : "read go < " + gate + "; ")
                            + "ulimit -c 0; kill -USR1 $$");
        }

        private String daemons() {
            return "env -i setsid sleep " + token + " < /dev/null > /dev/null 2>&1 & setsid sleep " + token + " & ";
        }

        private void violate(String problem) {
            String text = "VIOLATION: seed " + seed + ", attempt " + number + " (" + step
                    + (reopened ? ", found by another engine" : "") + "): " + problem;
            System.out.println(text);
            violations.add(text);
        }

        private Job start(JobEngine engine) {
            return engine.start(new StartRequest("client", requestId, spec, Integer.MAX_VALUE));
        }

        void run() throws Exception {
            new ProcessBuilder("mkfifo", gate.toString()).start().waitFor();
            try (RandomAccessFile open = new RandomAccessFile(gate.toFile(), "rw")) {
                @Nullable Job told = null;
                try (JobEngine engine = JobEngine.open(state, options())) {
                    long launcher = launcher();
                    told = step.victim == Victim.SHIM ? provokeAtTheEnd(engine, open) : provoke(engine, open, launcher);
                    if (!reopened) {
                        checkEnd(engine, told, open);
                    }
                }
                if (reopened) {
                    try (JobEngine engine = JobEngine.open(state, options())) {
                        checkEnd(engine, told, open);
                    }
                }
            }
            Files.delete(gate);
        }

        /** Lets the job live, launcher and shim under trace; returns the job if the start gave one. */
        private @Nullable Job provoke(JobEngine engine, RandomAccessFile open, long launcher) throws Exception {
            Process strace = trace(launcher);
            Job job = null;
            try {
                job = start(engine);
                if (step.fate == Fate.NEVER_STARTED) {
                    violate("it was started");
                }
                end(engine, job, open);
            } catch (JobException e) {
                if (step.fate != Fate.NEVER_STARTED) {
                    violate("the start failed: " + e.getMessage());
                }
            } finally {
                end(strace);
            }
            List<String> lines = Files.readAllLines(trace);
            checkVictim(lines, step.victim == Victim.LAUNCHER ? Long.toString(launcher) : newShim(lines, launcher));
            return job;
        }

        private String newShim(List<String> lines, long launcher) {
            if (step.isOfNull()) { // the first to make such a call
                return lines.isEmpty() ? "none" : lines.getFirst().split(" ")[0];
            }
            return lines.stream()
                    .filter(line -> line.startsWith(launcher + " "))
                    .map(FORKED::matcher)
                    .filter(Matcher::find)
                    .map(matcher -> matcher.group(1))
                    .findFirst()
                    .orElse("none");
        }

        /** Lets the job come to its gate, and then end with its shim under trace. */
        private Job provokeAtTheEnd(JobEngine engine, RandomAccessFile open) throws Exception {
            Job job = start(engine);
            long shim = EngineFixture.shim(job);
            Process strace = trace(shim);
            try {
                end(engine, job, open);
            } finally {
                end(strace);
            }
            checkVictim(Files.readAllLines(trace), Long.toString(shim));
            return job;
        }

        private void end(JobEngine engine, Job job, RandomAccessFile open) throws Exception {
            release(open);
            if (step.victim == Victim.LAUNCHER || follow(engine, job)) {
                release(open);
                awaitEnd(engine, job);
            }
        }

        /** By itself when all whom it traces have ended, which it knows a little later than the engine; a launcher that is not killed stays. */
        private void end(Process strace) throws InterruptedException {
            if (step.victim != Victim.NEW_SHIM && !strace.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                violate("who is traced does not end");
            }
            strace.destroy();
            strace.waitFor();
        }

        private void release(RandomAccessFile open) throws IOException {
            open.write("go\n".getBytes(StandardCharsets.US_ASCII));
        }

        /** Reads until all that it prints before its second gate is there; false if it ended before. */
        private boolean follow(JobEngine engine, Job job) throws InterruptedException {
            long read = 0;
            try (OutputReader reader = engine.output(job.id(), OutputQuery.FOLLOW_ALL)) {
                while (read < printed.length()) {
                    switch (reader.next(PATIENCE)) {
                        case OutputEvent.Chunk chunk -> read += chunk.bytes().remaining();
                        case OutputEvent.End _ -> {
                            return false;
                        }
                        case OutputEvent.Idle _ -> {
                            violate("a follower hangs");
                            return false;
                        }
                    }
                }
            }
            return true;
        }

        private Job awaitEnd(JobEngine engine, Job job) throws InterruptedException {
            try {
                return engine.onExit(job.id()).toCompletableFuture().get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            } catch (ExecutionException | TimeoutException e) {
                violate("does not end: " + e);
                return engine.get(job.id());
            }
        }

        private void checkVictim(List<String> lines, String victim) throws IOException {
            String end = victim + " +++ killed by SIGKILL +++";
            if (lines.stream().noneMatch(line -> line.replaceAll(" +", " ").equals(end))) {
                violate("the step was not come to: " + end + " is not in " + trace);
            } else {
                Files.delete(trace);
            }
        }

        private void checkEnd(JobEngine engine, @Nullable Job told, RandomAccessFile open) throws Exception {
            List<Job> jobs = engine.list(JobFilter.ALL, null, 10);
            if (jobs.size() != (step.fate == Fate.NEVER_STARTED ? 0 : 1)) {
                violate("there are jobs: " + jobs);
            }
            Job again = start(engine);
            if (told != null && !again.id().equals(told.id())) {
                violate("has two ids");
            }
            if (step.fate == Fate.NEVER_STARTED) {
                release(open);
                release(open);
            }
            Job end = awaitEnd(engine, again);
            if ((end.state() == JobState.LOST) != (step.fate == Fate.LOST)) {
                violate("ended as " + end);
            }
            switch (end.status()) {
                case JobStatus.Lost lost -> {
                    if (!lost.evidence().contains("killed")) {
                        violate("has no evidence: " + lost);
                    }
                }
                case JobStatus.Ended ended -> {
                    if (!ended.exit().equals(new ExitStatus.Signaled(new Signal(10), false))
                            || ended.cause().kind() != Cause.Kind.OWN_ACCORD) {
                        violate("ended as " + ended);
                    }
                }
                case JobStatus.Running _, JobStatus.Stopping _ -> violate("has not ended");
            }
            checkOutput(engine, end);
            checkRuns(end.state() == JobState.LOST);
            List<ProcessTable.Entry> left = ProcessTable.read()
                    .matching(process -> process.job().equals(end.id().toString())
                            || process.arguments().contains(token));
            if (!left.isEmpty()) {
                violate("processes are left: " + left);
            }
            engine.delete(end.id());
            checkFiles();
        }

        private void checkOutput(JobEngine engine, Job end) throws Exception {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            try (OutputReader reader = engine.output(end.id(), OutputQuery.FOLLOW_ALL)) {
                reader.transferTo(bytes);
            }
            String text = bytes.toString(StandardCharsets.US_ASCII);
            boolean whole = end.state() != JobState.LOST || step.compareTo(Step.SHIM_BETWEEN_BYTES_AND_INDEX) >= 0;
            if (whole ? !text.equals(printed) : !printed.startsWith(text)) {
                violate("printed " + text.length() + " bytes that are not the " + printed.length() + " expected");
            }
        }

        private void checkRuns(boolean lost) throws IOException {
            List<String> lines;
            try {
                lines = Files.readAllLines(runs);
                Files.delete(runs);
            } catch (NoSuchFileException never) {
                lines = List.of();
            }
            if (lines.size() > 1 || (lines.isEmpty() && !lost)) {
                violate("ran " + lines.size() + " times");
            }
        }

        private void checkFiles() throws IOException {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(state.resolve("jobs"))) {
                for (Path file : files) {
                    violate("is left: " + file);
                }
            }
        }

        /** Returns the launcher of the engine that was just opened. */
        private long launcher() {
            return ProcessTable.read()
                    .matching(ShimCrashMatrix.this::isHelper)
                    .getFirst()
                    .pid();
        }

        /** Returns when the process is under trace. */
        private Process trace(long pid) throws IOException {
            List<String> command = new ArrayList<>(List.of("strace", "-f"));
            if (step.isOfNull()) {
                command.addAll(List.of("-P", "/dev/null"));
            }
            command.addAll(List.of("-e", "trace=fork," + step.call, "-e", "signal=KILL"));
            command.addAll(List.of("-e", "inject=" + step.call + ":signal=SIGKILL:when=" + step.pass));
            command.addAll(List.of("-o", trace.toString(), "-p", Long.toString(pid)));
            Process strace = new ProcessBuilder(command).start();
            BufferedReader said = strace.errorReader(StandardCharsets.UTF_8);
            String line = said.readLine();
            if (line == null || !line.contains("attached")) {
                throw new IllegalStateException("strace: " + line);
            }
            return strace;
        }
    }

    private boolean isHelper(ProcessTable.Entry process) {
        return process.program().startsWith(state.resolve("bin").toString());
    }

    /** After the last engine was closed no helper stays. */
    private void checkLeftovers() throws InterruptedException {
        for (ProcessTable.Entry helper : ProcessTable.read().matching(this::isHelper)) {
            ProcessHandle handle = ProcessHandle.of(helper.pid()).orElse(null);
            try {
                if (handle != null) {
                    handle.onExit().get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
                }
            } catch (ExecutionException | TimeoutException e) {
                String text = "VIOLATION: seed " + seed + ": a helper is left: " + helper;
                System.out.println(text);
                violations.add(text);
            }
        }
    }
}
