package dev.jobworker.core;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * A worker for the crash matrix, in a JVM of its own. One command a line on standard input, each in a thread of its own; answers, in any order, on
 * standard output: {@code <number of the command> <word> <values>}, and a full stop to tell a whole line from one that death cut off.
 *
 * <p>At its fault point it says so and stays there; who drives it sends the SIGKILL.
 */
final class CrashWorker {
    static final String OWNER = "client";
    static final String REQUESTER = "client";
    private static final String LABEL = "number";

    private final JobEngine engine;
    private final PrintStream out;

    private CrashWorker(JobEngine engine, PrintStream out) {
        this.engine = engine;
        this.out = out;
    }

    /** Its first line: state directory, whether to sync, what becomes of jobs at its death, a fault point or "-", at which pass of it to die. */
    public static void main(String[] args) throws IOException {
        JobFolder.canonical(JobSpec.of("true")); // loads what an opening would load
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String line = in.readLine();
        if (line == null) {
            return;
        }
        List<String> words = List.of(line.split(" "));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        AtomicInteger passes = new AtomicInteger();
        int fatalPass = Integer.parseInt(words.get(4));
        Hooks hooks = Hooks.faults(point -> {
            if (point.name().equals(words.get(3)) && passes.incrementAndGet() >= fatalPass) {
                out.println("0 fault " + point + " .");
                while (true) {
                    LockSupport.park();
                }
            }
        });
        EngineOptions options = EngineOptions.DEFAULTS
                .withSurvivePowerLoss(Boolean.parseBoolean(words.get(1)))
                .withOnWorkerDeath(EngineOptions.OnWorkerDeath.valueOf(words.get(2)));
        CrashWorker worker = new CrashWorker(JobEngine.open(Path.of(words.get(0)), options, hooks), out);
        out.println("0 ready .");
        worker.serve(in);
    }

    @SuppressWarnings("SystemExitOutsideMain") // as dead as by a signal: whoever drove this worker is gone
    private void serve(BufferedReader in) throws IOException {
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            List<String> words = List.of(line.split(" "));
            if (words.get(1).equals("close")) {
                engine.close();
                answer(words, "closed");
                return;
            }
            Thread.startVirtualThread(() -> obey(words));
        }
        Runtime.getRuntime().halt(1);
    }

    private void answer(List<String> command, String text) {
        out.println(command.getFirst() + " " + text + " .");
    }

    private void obey(List<String> command) {
        try {
            switch (command.get(1)) {
                case "start" -> answer(command, describe(engine.start(request(command))));
                case "list" -> {
                    engine.list(JobFilter.ALL, null, Integer.MAX_VALUE).forEach(job -> answer(command, describe(job)));
                    answer(command, "listed");
                }
                case "await" ->
                    answer(
                            command,
                            describe(engine.onExit(id(command))
                                    .toCompletableFuture()
                                    .get()));
                case "stop" ->
                    answer(
                            command,
                            describe(engine.stop(
                                    id(command), Duration.ofMillis(Long.parseLong(command.get(3))), REQUESTER)));
                case "delete" -> {
                    engine.delete(id(command));
                    answer(command, "deleted");
                }
                case "follow" -> follow(command);
                default -> throw new IllegalArgumentException(command.get(1));
            }
        } catch (JobException e) {
            fail(command, e);
        } catch (ExecutionException e) {
            fail(command, e.getCause() instanceof JobException failure ? failure : e);
        } catch (InterruptedException | RuntimeException e) {
            fail(command, e);
        }
    }

    private void fail(List<String> command, Exception e) {
        String kind = e instanceof JobException known
                ? known.failure().getClass().getSimpleName()
                : e.getClass().getSimpleName();
        answer(command, "failed " + kind + " " + String.valueOf(e.getMessage()).replaceAll("\\s+", " "));
    }

    private static JobId id(List<String> command) {
        return JobId.parse(command.get(2)).orElseThrow();
    }

    /** {@code start <request id> <label> <argv, NUL-separated, base64> <input, base64> <timeout in ms> <merge>}. */
    static String startCommand(CrashJob job) {
        Base64.Encoder base64 = Base64.getEncoder();
        return "start " + job.requestId() + " " + job.number() + " "
                + base64.encodeToString(String.join("\0", job.argv()).getBytes(StandardCharsets.UTF_8)) + " ="
                + base64.encodeToString(job.input()) + " " + job.timeoutMillis() + " " + job.merge();
    }

    private static StartRequest request(List<String> command) {
        Base64.Decoder base64 = Base64.getDecoder();
        String argv = new String(base64.decode(command.get(4)), StandardCharsets.UTF_8);
        long timeout = Long.parseLong(command.get(6));
        JobSpec spec = JobSpec.builder(List.of(argv.split("\0")))
                .label(LABEL, command.get(3))
                .input(JobInput.of(base64.decode(command.get(5).substring(1))))
                .timeout(timeout == 0 ? null : Duration.ofMillis(timeout))
                .output(new OutputPolicy(null, OutputPolicy.AtLimit.TRUNCATE, Boolean.parseBoolean(command.get(7))))
                .build();
        return new StartRequest(OWNER, UUID.fromString(command.get(2)), spec, Integer.MAX_VALUE);
    }

    /** {@code job <label> <id> <state> <pid or 0> <stdout bytes> <stderr bytes> <truncated bytes> <end> <all of it>}. */
    private static String describe(Job job) {
        String pid = switch (job.status()) {
            case JobStatus.Running running -> Integer.toString(running.pid());
            case JobStatus.Stopping stopping -> Integer.toString(stopping.pid());
            case JobStatus.Ended _, JobStatus.Lost _ -> "0";
        };
        return "job " + job.spec().labels().get(LABEL) + " " + job.id() + " " + job.state() + " " + pid + " "
                + job.output().stdoutBytes() + " " + job.output().stderrBytes() + " "
                + job.output().truncatedBytes() + " " + end(job.status()) + " "
                + job.toString().replaceAll("\\s+", " ");
    }

    /** {@code <code or signal>/<cause>/<who>/<whether grace was exceeded>/<survivors>}. */
    private static String end(JobStatus status) {
        return switch (status) {
            case JobStatus.Running _, JobStatus.Stopping _ -> "-";
            case JobStatus.Lost lost -> "LOST/" + lost.evidence().replace(' ', '_');
            case JobStatus.Ended ended -> {
                String exit = switch (ended.exit()) {
                    case ExitStatus.Code code -> "code" + code.value();
                    case ExitStatus.Signaled signaled ->
                        "signal" + signaled.signal().number() + (signaled.coreDumped() ? "+core" : "");
                };
                yield exit + "/" + ended.cause().kind() + "/"
                        + String.valueOf(ended.cause().requestedBy()).replace(' ', '_') + "/"
                        + ended.cause().graceExceeded() + "/"
                        + ended.survivors().size();
            }
        };
    }

    /** {@code follow <id> <view> <offset>}; answers {@code chunk <offset> <stream> <bytes> <SHA-256>}, at last {@code end <reason> <offset> <state>}. */
    private void follow(List<String> command) throws InterruptedException {
        OutputQuery query = new OutputQuery(
                OutputView.valueOf(command.get(3)),
                new OutputQuery.From.Offset(Long.parseLong(command.get(4))),
                true,
                Long.MAX_VALUE);
        try (OutputReader reader = engine.output(id(command), query)) {
            while (true) {
                switch (reader.next()) {
                    case OutputEvent.Chunk chunk -> {
                        int bytes = chunk.bytes().remaining();
                        MessageDigest digest = sha256();
                        digest.update(chunk.bytes());
                        answer(
                                command,
                                "chunk " + chunk.offset() + " " + chunk.stream() + " " + bytes + " "
                                        + HexFormat.of().formatHex(digest.digest()));
                    }
                    case OutputEvent.Idle _ -> {}
                    case OutputEvent.End end -> {
                        answer(
                                command,
                                "end " + end.reason() + " " + end.nextOffset() + " "
                                        + end.job().state());
                        return;
                    }
                }
            }
        }
    }

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (java.security.NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
