package dev.jobworker.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;

/** The scenes of {@code jobworker quickstart}. Every command that is shown is the one that runs, through the real server. */
final class Quickstart {
    private static final int BINARY_BYTES = 1_000_000;
    private static final int NOT_FOUND = 69;
    private static final int REFUSED = 77;
    private static final int KILLED = 128 + 9;
    private static final String UNTIL_STOPPED =
            "exec 2>/dev/null; trap \"echo asked to stop; exit\" TERM; i=0; while :; do i=$((i + 1)); echo line $i; sleep 0.2; done";
    private static final String STUBBORN = """
            # forks twice and makes a session of its own, like a daemon
            (setsid sh -c 'echo "the daemon is process $$"; exec >/dev/null; sleep 1000' &)
            trap 'echo "SIGTERM? I would rather not."' TERM
            exec 2>/dev/null
            while :; do sleep 0.2; done
            """;

    private final QuickstartSandbox sandbox;
    private final Narrator narrator;

    Quickstart(QuickstartSandbox sandbox, Narrator narrator) {
        this.sandbox = sandbox;
        this.narrator = narrator;
    }

    private interface Scene {
        void play() throws IOException, InterruptedException, ExecutionException, TimeoutException;
    }

    void play() throws InterruptedException {
        scene("1. Two people follow one job, live: alice over gRPC, olga over HTTPS", this::followers);
        scene("2. Both transports are the same to a job", this::bothTransports);
        scene("3. A job that fails", this::failure);
        scene("4. A job that will not stop, with a daemon that hides", this::stubborn);
        scene("5. Output is bytes, not text", this::binary);
        scene("6. Nobody touches what is not theirs", this::strangers);
        scene("7. What is there now", this::table);
    }

    private void scene(String title, Scene scene) throws InterruptedException {
        narrator.heading(title);
        try {
            scene.play();
        } catch (IOException | ExecutionException | TimeoutException | RuntimeException e) {
            narrator.failed("this scene ended with " + e);
        }
    }

    private void followers() throws IOException, InterruptedException, ExecutionException {
        String job = start("alice", "sh", "-c", "for i in 1 2 3 4 5 6; do echo \"step $i of 6\"; sleep 0.5; done");
        Onlooker alice = new Onlooker(line -> narrator.seen("alice grpc ", line));
        Onlooker olga = new Onlooker(line -> narrator.seen("olga  https", line));
        CompletableFuture<Integer> first = follow("alice", alice, job);
        CompletableFuture<Integer> second = follow("olga", olga, job);
        boolean ended = first.get() == ExitCodes.OK && second.get() == ExitCodes.OK;
        narrator.check(
                ended && alice.count() > 0 && alice.sha256Hex().equals(olga.sha256Hex()),
                "both saw the same " + alice.count() + " bytes, SHA-256 " + brief(alice.sha256Hex())
                        + ", one over gRPC, one over HTTPS");
        narrator.check(quiet("alice", "wait", job) == ExitCodes.OK, "the job succeeded: exit code 0");
    }

    private void bothTransports() throws IOException, InterruptedException, ExecutionException, TimeoutException {
        String https = sandbox.address(Transport.HTTPS);
        String grpc = sandbox.address(Transport.GRPC);
        String job = startWith("alice", List.of("--server", https), "sh", "-c", UNTIL_STOPPED);
        Onlooker alice = new Onlooker(line -> narrator.seen("alice https", line));
        Onlooker olga = new Onlooker(line -> narrator.seen("olga  grpc ", line));
        CompletableFuture<Integer> first = follow("alice", alice, "--server", https, job);
        CompletableFuture<Integer> second = follow("olga", olga, "--server", grpc, job);
        alice.firstLine().get(30, TimeUnit.SECONDS);
        olga.firstLine().get(30, TimeUnit.SECONDS);
        int stopped = show("alice", "stop", "--server", https, job);
        boolean ended = first.get() == ExitCodes.OK && second.get() == ExitCodes.OK;
        narrator.check(
                stopped == ExitCodes.OK
                        && ended
                        && alice.count() > 0
                        && alice.sha256Hex().equals(olga.sha256Hex()),
                "started and stopped over HTTPS; over both transports came the same " + alice.count()
                        + " bytes, SHA-256 " + brief(alice.sha256Hex()));
        String toAlice = capture("alice", "status", "-o", "jsonl", "--server", https, job);
        String toOlga = capture("olga", "status", "-o", "jsonl", "--server", grpc, job);
        narrator.check(
                toAlice.equals(toOlga) && toAlice.contains("\"state\":\"STOPPED\""),
                "and over both it has the same final status: STOPPED");
    }

    private void failure() {
        int code = run(
                "alice",
                new Onlooker(line -> narrator.seen("stdout", line)),
                new Onlooker(line -> narrator.seen("stderr", line)),
                "run",
                "--",
                "sh",
                "-c",
                "echo working; echo \"it went wrong\" >&2; exit 3");
        narrator.check(code == 3, "run exits as the job did: " + code);
    }

    private void stubborn() throws IOException, InterruptedException, ExecutionException, TimeoutException {
        Path file = sandbox.work().resolve("stubborn.sh");
        Files.writeString(file, STUBBORN);
        narrator.tell("stubborn.sh:");
        STUBBORN.lines().forEach(line -> narrator.tell("    " + line));
        String job = start("alice", "sh", file.toString());
        Onlooker watcher = new Onlooker(line -> narrator.seen("alice", line));
        CompletableFuture<Integer> following = follow("alice", watcher, job);
        String announced = watcher.firstLine().get(30, TimeUnit.SECONDS);
        long pid = Long.parseLong(announced.replaceAll("[^0-9]", ""));
        narrator.check(
                session(pid) == pid,
                "process " + pid + " runs, in a session of its own: no signal to the group meets it");
        int stopped = show("alice", "stop", "--grace", "2s", job);
        narrator.check(
                stopped == ExitCodes.OK && following.get() == ExitCodes.OK,
                "stop came back when the job had ended, and so did the follower");
        show("alice", "status", job);
        narrator.check(
                quiet("alice", "wait", job) == KILLED,
                "it ignored SIGTERM and was ended by SIGKILL after the grace period of 2 s");
        narrator.check(session(pid) < 0, "process " + pid + " is gone too (/proc/" + pid + " does not exist)");
    }

    private void binary() throws IOException {
        Path file = sandbox.work().resolve("random.bin");
        Onlooker client = Onlooker.silent();
        int code = run(
                "alice",
                client,
                new Onlooker(line -> narrator.seen("stderr", line)),
                "run",
                "--cwd",
                sandbox.work().toString(),
                "--",
                "sh",
                "-c",
                "head -c " + BINARY_BYTES + " /dev/urandom | tee random.bin");
        Onlooker written = Onlooker.silent();
        Files.copy(file, written);
        narrator.tell("    the job wrote    " + written.sha256Hex());
        narrator.tell("    alice received   " + client.sha256Hex());
        narrator.check(
                code == ExitCodes.OK
                        && client.count() == BINARY_BYTES
                        && client.sha256Hex().equals(written.sha256Hex()),
                "the same " + client.count() + " random bytes");
    }

    private void strangers() {
        String job = start("alice", "sh", "-c", "echo a secret of alice");
        narrator.check(
                show("bob", "logs", job) == NOT_FOUND, "bob is a user like alice: her job does not exist for him");
        narrator.check(show("eve", "list") == REFUSED, "eve has a good certificate, but no role: permission denied");
        narrator.check(
                show("mallory", "list") == REFUSED,
                "mallory made herself a certificate with another authority: refused at the door");
    }

    private void table() {
        narrator.check(show("olga", "list") == ExitCodes.OK, "olga is an operator: she sees all jobs");
    }

    /** Starts a job and returns its id. */
    private String start(String user, String... argv) {
        return startWith(user, List.of(), argv);
    }

    private String startWith(String user, List<String> options, String... argv) {
        String[] arguments = Stream.of(List.of("start"), options, List.of("--"), List.of(argv))
                .flatMap(List::stream)
                .toArray(String[]::new);
        String job = capture(user, arguments).strip();
        narrator.seen("stdout", job);
        return job;
    }

    private CompletableFuture<Integer> follow(String user, OutputStream out, String... optionsAndJob) {
        String[] arguments =
                Stream.concat(Stream.of("logs", "-f"), Stream.of(optionsAndJob)).toArray(String[]::new);
        narrator.command(user, List.of(arguments));
        CompletableFuture<Integer> code = new CompletableFuture<>();
        Thread.ofVirtual().name("follower-" + user).start(() -> code.complete(silently(user, out, arguments)));
        return code;
    }

    /** Shows a command, which must succeed, and returns what it writes. */
    private String capture(String user, String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        int code = run(user, out, new Onlooker(line -> narrator.seen("stderr", line)), arguments);
        if (code != ExitCodes.OK) {
            throw new CliException(code, arguments[0] + " failed");
        }
        return out.toString(StandardCharsets.UTF_8);
    }

    /** Shows a command and all that it writes. */
    private int show(String user, String... arguments) {
        return run(
                user,
                new Onlooker(line -> narrator.tell("    " + line)),
                new Onlooker(line -> narrator.seen("stderr", line)),
                arguments);
    }

    private int run(String user, OutputStream out, OutputStream err, String... arguments) {
        narrator.command(user, List.of(arguments));
        return Main.run(sandbox.consoleOf(user, out, err), arguments);
    }

    private int quiet(String user, String... arguments) {
        return silently(user, OutputStream.nullOutputStream(), arguments);
    }

    private int silently(String user, OutputStream out, String... arguments) {
        return Main.run(sandbox.consoleOf(user, out, new Onlooker(line -> narrator.seen("stderr", line))), arguments);
    }

    /** Returns the session of a process (proc(5)); -1 if it does not exist. */
    private static long session(long pid) throws IOException {
        try {
            String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
            String afterName = stat.substring(stat.lastIndexOf(')') + 2);
            return Long.parseLong(afterName.split(" ", -1)[3]);
        } catch (NoSuchFileException e) {
            return -1;
        }
    }

    private static String brief(String hex) {
        return hex.substring(0, 16) + "...";
    }
}
