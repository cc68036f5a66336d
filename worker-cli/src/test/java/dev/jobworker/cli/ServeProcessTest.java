package dev.jobworker.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The server as a process, which ends and comes back. */
@Timeout(120)
final class ServeProcessTest {
    private static final String BEFORE_AND_AFTER = "echo before; while [ ! -e go ]; do sleep 0.05; done; echo after";

    @TempDir
    Path folder;

    private Site site;

    @BeforeEach
    void makeCertificates() {
        site = Site.in(folder);
    }

    /** A server as a process, which is ended at the latest with the test. */
    private record Server(Process process, BufferedReader err, Map<Transport, String> addresses)
            implements AutoCloseable {
        String address(Transport transport) {
            return Objects.requireNonNull(addresses.get(transport));
        }

        /** Ends it as init would; nothing but its own words is on either stream. */
        void terminate() throws IOException, InterruptedException {
            Jvm.signal("TERM", process);
            assertEquals(0, Jvm.exitCode(process));
            assertEquals(List.of("jobworker: shutting down"), err.lines().toList());
            assertEquals(0, process.getInputStream().readAllBytes().length);
        }

        @Override
        public void close() {
            process.destroyForcibly();
        }
    }

    private Server serve(String... options) throws IOException {
        Process process = Jvm.start(folder, site.serve("state", options));
        BufferedReader err =
                new BufferedReader(new InputStreamReader(process.getErrorStream(), StandardCharsets.UTF_8));
        Map<Transport, String> addresses = new EnumMap<>(Transport.class);
        for (Transport transport : Transport.values()) {
            String line = err.readLine();
            assertTrue(line.matches("jobworker: serving " + transport.scheme() + "://127\\.0\\.0\\.1:[0-9]+"), line);
            addresses.put(transport, line.substring(line.indexOf("serving ") + 8));
        }
        return new Server(process, err, addresses);
    }

    private Server serveOnAnyPorts(String... settings) throws IOException {
        Files.writeString(
                folder.resolve("serve.yaml"), "grpc: 127.0.0.1:0\nhttps: 127.0.0.1:0\n" + String.join("\n", settings));
        return serve("--config", "serve.yaml");
    }

    private Shell alice(Server server, Transport transport) {
        return site.as("alice", server.address(transport));
    }

    @Test
    void serve_untilSigterm_exits0AndLeavesTheJobs() throws Exception {
        String job;
        try (Server server = serveOnAnyPorts("max-running-jobs: 1", "max-output: 1k")) {
            job = alice(server, Transport.HTTPS)
                    .run("start", "--", "sleep", "1000")
                    .out()
                    .strip();
            for (Transport transport : Transport.values()) {
                Shell alice = alice(server, transport);
                assertEquals(75, alice.run("start", "--", "true").code(), "one running job is the limit");
                assertEquals(
                        2,
                        alice.run("start", "--output-limit", "2k", "--", "true").code(),
                        "1k is the limit");
            }
            server.terminate();
        }
        try (Server next = serveOnAnyPorts()) {
            String status = alice(next, Transport.GRPC).run("status", job).out();
            assertTrue(status.contains("RUNNING"), "taken up by the next server");
            assertEquals(0, alice(next, Transport.HTTPS).run("stop", job).code());
            next.terminate();
        }
        assertFalse(Files.readString(folder.resolve("state/audit.log")).isEmpty());
    }

    /** What somebody follows with {@code logs -f}, and how that ended. */
    private record Follower(Onlooker out, ByteArrayOutputStream err, CompletableFuture<Integer> code) {
        static Follower of(Console caller, String job) {
            Onlooker out = Onlooker.silent();
            ByteArrayOutputStream err = new ByteArrayOutputStream();
            Console console = new Console(
                    caller.in(), out, err, false, false, caller.environment(), caller.directory(), Signals.NONE);
            CompletableFuture<Integer> code = new CompletableFuture<>();
            Thread.startVirtualThread(() -> code.complete(Main.run(console, "logs", "-f", job)));
            return new Follower(out, err, code);
        }
    }

    @Test
    void serve_restartedUnderFollowersOfBoth_theyGoOnWithoutLosingAByte() throws Exception {
        Map<Transport, Follower> followers = new EnumMap<>(Transport.class);
        String grpc;
        String https;
        try (Server server = serveOnAnyPorts()) {
            grpc = server.address(Transport.GRPC);
            https = server.address(Transport.HTTPS);
            String job = site.as("alice", https)
                    .run("start", "--cwd", folder.toString(), "--", "sh", "-c", BEFORE_AND_AFTER)
                    .out()
                    .strip();
            for (Transport transport : Transport.values()) {
                Follower follower = Follower.of(alice(server, transport).console(), job);
                followers.put(transport, follower);
                assertEquals("before", follower.out.firstLine().get(30, TimeUnit.SECONDS));
            }
            server.terminate();
        }
        try (Server next = serve("--grpc", Site.socket(grpc), "--https", Site.socket(https))) {
            Files.createFile(folder.resolve("go"));
            Onlooker whole = Onlooker.silent();
            whole.write("before\nafter\n".getBytes(StandardCharsets.UTF_8));
            followers.forEach((transport, follower) -> {
                assertEquals(0, follower.code.join(), () -> transport + ": " + follower.err);
                assertEquals(whole.sha256Hex(), follower.out.sha256Hex(), transport.scheme());
                String said = follower.err.toString(StandardCharsets.UTF_8);
                assertEquals(1, said.lines().count(), said);
                assertTrue(said.contains("resuming at byte 7"), said);
            });
            next.terminate();
        }
    }

    @ParameterizedTest
    @EnumSource(Transport.class)
    void client_asAProcess_writesOnlyDataAndEnds(Transport transport) throws Exception {
        try (Server server = serveOnAnyPorts()) {
            Process run = Jvm.start(folder, alice(server, transport).environment(), "run", "--", "printf", "data");
            assertEquals("data", new String(run.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
            assertEquals("", new String(run.getErrorStream().readAllBytes(), StandardCharsets.UTF_8));
            assertEquals(0, Jvm.exitCode(run));
            server.terminate();
        }
    }
}
