package dev.jobworker.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.core.JobEngine;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.JobState;
import dev.jobworker.core.Retention;
import dev.jobworker.core.StartRequest;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import picocli.CommandLine;

/** What {@code serve} listens on, and what it refuses to begin with. */
final class ServeTest {
    private static final InetSocketAddress DEFAULT_GRPC = socket("127.0.0.1", 7443);
    private static final InetSocketAddress DEFAULT_HTTPS = socket("127.0.0.1", 8443);

    @TempDir
    static Path folder;

    private static Site site;

    @BeforeAll
    static void makeCertificates() {
        Logging.serving();
        site = Site.in(folder).with("late", "--valid", "1ms", "--role", "user");
    }

    private static Shell.Result serve(String state, String... options) {
        return new Shell(folder).run(site.serve(state, options));
    }

    private static InetSocketAddress socket(String host, int port) {
        return new InetSocketAddress(InetAddress.ofLiteral(host), port);
    }

    private static Map<Transport, InetSocketAddress> listen(String... options) {
        return options(options).listen();
    }

    private static ServerOptions options(String... options) {
        ServeCommand command = new ServeCommand(new Shell(folder).console());
        new CommandLine(new Root()).addSubcommand("serve", command).parseArgs(site.serve("state", options));
        return command.options();
    }

    @Test
    void serve_toldNoAddress_listensOnLoopbackByBoth() {
        assertEquals(Map.of(Transport.GRPC, DEFAULT_GRPC, Transport.HTTPS, DEFAULT_HTTPS), listen());
    }

    @Test
    void serve_toldOneAddress_listensOnlyThere() {
        InetSocketAddress there = socket("127.0.0.1", 1);
        assertEquals(Map.of(Transport.GRPC, there), listen("--grpc", "127.0.0.1:1"));
        assertEquals(Map.of(Transport.HTTPS, there), listen("--https", "127.0.0.1:1"));
    }

    @Test
    void serve_toldAddressesInTheFile_takesThemUnlessAnOptionSaysElse() throws IOException {
        Path file = Files.writeString(folder.resolve("addresses.yaml"), "grpc: 127.0.0.1:1\nhttps: '[::1]:2'\n");
        InetSocketAddress https = socket("::1", 2);
        assertEquals(
                Map.of(Transport.GRPC, socket("127.0.0.1", 1), Transport.HTTPS, https),
                listen("--config", file.toString()));
        assertEquals(
                Map.of(Transport.GRPC, socket("127.0.0.1", 3), Transport.HTTPS, https),
                listen("--config", file.toString(), "--grpc", "127.0.0.1:3"));
    }

    @Test
    void serve_toldWhatToRetain_doesSoFromOptionsAndTheFile() throws IOException {
        assertEquals(Retention.DEFAULT, options().engine().retention());
        Path file =
                Files.writeString(folder.resolve("retain.yaml"), "retain-jobs: 7\nretain-bytes: 1G\nretain-age: 2d\n");
        assertEquals(
                new Retention(7, 1 << 30, Duration.ofHours(36)),
                options("--config", file.toString(), "--retain-age", "36h")
                        .engine()
                        .retention());
    }

    @ParameterizedTest
    @CsvSource({
        "--retain-jobs, 0",
        "--retain-jobs, 1k",
        "--retain-bytes, -1",
        "--retain-bytes, much",
        "--retain-age, 0s",
        "--retain-age, 7",
        "--retain-age, 4000d",
        "--max-running-jobs, 0",
        "--max-output, 1x"
    })
    void serve_toldNonsenseOfLimits_namesTheOption(String option, String value) {
        Shell.Result result = serve("state", option + "=" + value);
        assertEquals(2, result.code());
        assertEquals(1, result.err().lines().count(), result.err());
        assertTrue(result.err().startsWith("jobworker: " + option), result.err());
    }

    @ParameterizedTest
    @CsvSource({"--grpc, 7443", "--https, 8443"})
    void serve_toldNonsense_namesTheOption(String option, String port) {
        Shell.Result result = serve("state", option, "nonsense");
        assertEquals(2, result.code());
        assertEquals(
                "jobworker: " + option + ": 'nonsense' is not HOST:PORT such as 127.0.0.1:" + port + "\n",
                result.err());
    }

    @Test
    void server_ofBoth_isOneWorker() {
        try (WorkerServer server = WorkerServer.start(site.options(folder.resolve("both"), Site.BOTH))) {
            assertEquals(List.of(server.address(Transport.GRPC), server.address(Transport.HTTPS)), server.addresses());
            Shell grpc = site.as("alice", server.address(Transport.GRPC));
            Shell https = site.as("alice", server.address(Transport.HTTPS));
            String job = https.run("start", "--", "echo", "x").out().strip();
            assertEquals(0, grpc.run("wait", job).code());
            assertEquals("x\n", grpc.run("logs", job).out());
            assertEquals("x\n", https.run("logs", job).out());
            assertEquals(
                    grpc.run("status", "-o", "json", job).out(),
                    https.run("status", "-o", "json", job).out());
            assertEquals(grpc.run("whoami").out(), https.run("whoami").out());
        }
    }

    @ParameterizedTest
    @EnumSource(Transport.class)
    void server_ofOneTransport_servesOnlyThat(Transport transport) {
        ServerOptions options = site.options(folder.resolve("only-" + transport), Map.of(transport, Site.ANY_PORT));
        String address;
        try (WorkerServer server = WorkerServer.start(options)) {
            address = server.address(transport);
            assertEquals(List.of(address), server.addresses());
            assertTrue(address.startsWith(transport.scheme() + "://127.0.0.1:"), address);
            assertEquals(0, site.as("alice", address).run("list").code());
        }
        assertEquals(75, site.as("alice", address).run("list").code(), "closed");
    }

    @Test
    void serve_withBadFiles_saysEachInALineAndStartsNothing() throws IOException {
        Files.writeString(folder.resolve("broken.yaml"), "version: 1\ntrustDomain: example.test\nbind: []\n");
        Files.writeString(folder.resolve("a-file"), "");
        Shell.Result result = new Shell(folder)
                .run(
                        "serve",
                        "--state",
                        "a-file",
                        "--grpc",
                        "127.0.0.1:0",
                        "--cert",
                        "alice.key",
                        "--key",
                        "server.key",
                        "--ca",
                        "ca.crt",
                        "--policy",
                        "broken.yaml",
                        "--audit",
                        "absent/audit.log");
        assertEquals(2, result.code());
        assertEquals(4, result.err().lines().count(), result.err());
        assertTrue(result.err().lines().allMatch(line -> line.startsWith("jobworker: cannot serve: ")), result.err());
    }

    @Test
    void serve_onPortsThatAreTaken_saysEach() throws IOException {
        try (ServerSocket one = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                ServerSocket other = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            String grpc = "127.0.0.1:" + one.getLocalPort();
            String https = "127.0.0.1:" + other.getLocalPort();
            Shell.Result result = serve("taken", "--grpc", grpc, "--https", https);
            assertEquals(2, result.code());
            assertEquals(
                    List.of(
                            "jobworker: cannot serve: listen on grpc://" + grpc + ": Address already in use",
                            "jobworker: cannot serve: listen on https://" + https + ": Address already in use"),
                    result.err().lines().toList());
        }
    }

    @ParameterizedTest
    @EnumSource(Transport.class)
    void serve_onOnePortThatIsTaken_opensNothing(Transport taken) throws IOException {
        InetSocketAddress free;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            free = new InetSocketAddress(InetAddress.getLoopbackAddress(), socket.getLocalPort());
        }
        Transport other = taken == Transport.GRPC ? Transport.HTTPS : Transport.GRPC;
        Path state = folder.resolve("half-" + taken);
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            InetSocketAddress used = new InetSocketAddress(InetAddress.getLoopbackAddress(), socket.getLocalPort());
            ServerOptions options = site.options(state, Map.of(taken, used, other, free));
            CliException e = assertThrows(CliException.class, () -> WorkerServer.start(options));
            assertEquals(List.of("cannot serve: listen on " + taken.url(used) + ": Address already in use"), e.lines());
        }
        try (WorkerServer again = WorkerServer.start(site.options(state, Map.of(other, free)))) {
            assertEquals(List.of(other.url(free)), again.addresses(), "neither the port nor the state is in use");
        }
    }

    @Test
    void serve_thatFails_leavesTheJobsOfTheServerBefore() throws Exception {
        Path state = folder.resolve("taken-over");
        JobId id;
        try (JobEngine before = JobEngine.open(state)) {
            id = before.start(StartRequest.of("alice", JobSpec.of("sleep", "1000")))
                    .id();
        }
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            InetSocketAddress used = new InetSocketAddress(InetAddress.getLoopbackAddress(), socket.getLocalPort());
            // Its policy is to stop the jobs when it ends.
            ServerOptions options = site.options(state, Map.of(Transport.GRPC, Site.ANY_PORT, Transport.HTTPS, used));
            assertThrows(CliException.class, () -> WorkerServer.start(options));
            try (JobEngine after = JobEngine.open(state, options.engine())) {
                assertEquals(JobState.RUNNING, after.get(id).state());
            }
        }
    }

    @Test
    void serve_withExpiredCertificate_isRefused() {
        Shell.Result result = new Shell(folder)
                .run("serve", "--cert", "late.crt", "--key", "late.key", "--ca", "ca.crt", "--policy", "policy.yaml");
        assertEquals(2, result.code());
        assertTrue(result.err().contains("is valid only from"), result.err());
    }

    @Test
    void serve_withoutFiles_namesAllThatAreMissing() {
        Shell.Result missing = new Shell(folder).run("serve", "--cert", "server.crt");
        assertEquals(2, missing.code());
        assertTrue(missing.err().contains("--key, --ca, --policy"), missing.err());
    }
}
