package dev.jobworker.cli;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HexFormat;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Commands against a real server over mutual TLS, by each transport. */
@ParameterizedClass
@EnumSource(Transport.class)
final class ServerTest {
    private static final String ABSENT = "01a20adb-51bd-7d90-b926-7f631ce86934";

    @TempDir
    static Path folder;

    private static Site site;
    private static WorkerServer server;

    private final Transport transport;

    ServerTest(Transport transport) {
        this.transport = transport;
    }

    @BeforeAll
    static void serve() {
        Logging.serving();
        site = Site.in(folder)
                .with("bob", "--role", "user")
                .with("victor", "--role", "viewer")
                .with("nobody")
                .with("late", "--valid", "1ms", "--role", "user")
                .with("revoked", "--role", "user");
        site.admin("revoke", "--dir", ".", "revoked");
        site.admin("init", "--dir", "other");
        site.admin("issue", "--dir", "other", "--user", "mallory");
        server = WorkerServer.start(site.options(folder.resolve("state"), Site.BOTH));
    }

    @AfterAll
    static void close() {
        server.close();
    }

    private Shell as(String user) {
        Path certificates = user.equals("mallory") ? folder.resolve("other") : folder;
        return site.as(certificates, user, server.address(transport));
    }

    private String start(String user, String... command) {
        String[] arguments = new String[command.length + 2];
        arguments[0] = "start";
        arguments[1] = "--";
        System.arraycopy(command, 0, arguments, 2, command.length);
        Shell.Result result = as(user).run(arguments);
        assertEquals(0, result.code(), result.err());
        assertEquals("", result.err());
        return result.out().strip();
    }

    @Test
    void run_keepsTheStreamsApartAndExitsAsTheJob() {
        Shell.Result result =
                as("alice").run("run", "--", "sh", "-c", "printf 'a\\000\\377'; printf 'e\\n' >&2; exit 7");
        assertEquals(7, result.code());
        assertArrayEquals(new byte[] {'a', 0, (byte) 0xff}, result.outBytes());
        assertEquals("e\n", result.err());
    }

    @Test
    void run_killedBySignal_exits128PlusAndSaysWhy() {
        Shell.Result result = as("alice").run("run", "--", "sh", "-c", "kill -SEGV $$");
        assertEquals(139, result.code());
        assertTrue(result.err().contains("SIGSEGV"), result.err());
    }

    @Test
    void run_withStdinEnvironmentAndTimeout() {
        Shell.Result result = as("alice")
                .input(new byte[] {1, 2, 0, 3})
                .run("run", "--stdin", "-", "--env", "A=ä b", "--", "sh", "-c", "printf '%s|' \"$A\"; od -An -tx1");
        assertEquals("ä b| 01 02 00 03\n", result.out());
        Shell.Result slow = as("alice").run("run", "--timeout", "100ms", "--", "sleep", "60");
        assertEquals(143, slow.code());
        assertTrue(slow.err().contains("timeout"), slow.err());
    }

    @Test
    void run_interactive_isFedByStandardInputToItsEnd() {
        byte[] bytes = new byte[3_000_001];
        new Random(5).nextBytes(bytes);
        Shell.Result copied = as("alice").input(bytes).run("run", "-i", "--", "cat");
        assertEquals(0, copied.code(), copied.err());
        assertArrayEquals(bytes, copied.outBytes());
        assertEquals(0, as("alice").run("run", "--interactive", "--", "cat").code(), "of nothing");
        assertEquals(
                2, as("alice").run("run", "-i", "--stdin", "-", "--", "cat").code());
    }

    @Test
    void run_interactive_endsWithTheJobThoughNobodyHasEndedTheInput() throws Exception {
        PipedInputStream in = new PipedInputStream();
        try (PipedOutputStream typed = new PipedOutputStream(in)) {
            typed.write("yes\nmore\n".getBytes(StandardCharsets.UTF_8));
            Shell.Result result = as("alice").input(in).run("run", "-i", "--", "sh", "-c", "read x; echo $x; exit 3");
            assertEquals("yes\n", result.out());
            assertEquals(3, result.code());
            assertEquals("", result.err());
        }
    }

    @Test
    void run_interactive_jobReadsNoMore_isNoError() {
        Shell.Result result =
                as("alice").input(new byte[5_000_000]).run("run", "-i", "--", "sh", "-c", "head -c 5 | wc -c");
        assertEquals("5\n", result.out());
        assertEquals(0, result.code());
        assertEquals("", result.err());
    }

    @Test
    void run_interactive_inputThatCannotBeRead_stopsTheJob() {
        Shell.Result result = as("alice").input(new PipedInputStream()).run("run", "-i", "--", "cat");
        assertEquals(143, result.code());
        assertTrue(result.err().contains("its input broke off: Pipe not connected"), result.err());
    }

    @Test
    void input_inParts_isWrittenWhereTheLastOneEnded() {
        Shell alice = as("alice");
        String job = alice.run("start", "--stream-input", "--", "cat").out().strip();
        assertEquals(
                0, alice.input(bytes("one ")).run("input", "--keep-open", job).code());
        assertTrue(alice.run("status", job).out().contains("4 bytes so far"));
        assertEquals(
                0,
                alice.input(bytes("one two "))
                        .run("input", "--offset", "0", "--keep-open", job)
                        .code());
        assertEquals(0, alice.input(bytes("three")).run("input", job).code());
        assertEquals("one two three", alice.run("logs", "-f", job).out());
        assertTrue(alice.run("status", job).out().contains("13 bytes\n"));

        Shell.Result late = alice.input(bytes("four")).run("input", job);
        assertEquals(1, late.code());
        assertEquals("jobworker: job " + job + " takes no input\n", late.err());
        assertEquals(69, alice.run("input", ABSENT).code());
        assertEquals(69, as("bob").run("input", job).code());
        assertEquals(77, as("victor").run("input", job).code());
        assertEquals(1, alice.run("input", start("alice", "true")).code());
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Test
    void logs_ofATail_beginWhereItIsKeptAndSaySo() {
        Shell alice = as("alice");
        String job = alice.run(
                        "start", "--output-limit", "64k", "--at-output-limit", "keep-tail", "--", "seq", "100000")
                .out()
                .strip();
        assertEquals(0, alice.run("wait", job).code());
        int total = 588_895;

        Shell.Result logs = alice.run("logs", job);
        assertEquals(0, logs.code());
        assertTrue(logs.outBytes().length >= 32 << 10 && logs.outBytes().length <= 64 << 10);
        assertTrue(logs.out().endsWith("\n99999\n100000\n"));
        int gone = total - logs.outBytes().length;
        assertEquals("jobworker: the first " + gone + " bytes of the output are no longer kept\n", logs.err());
        assertEquals("99999\n100000\n", alice.run("logs", "--tail", "2", job).out());

        Shell.Result all = alice.run("logs", "--offset", "0", job);
        assertEquals(1, all.code());
        assertEquals("jobworker: offset 0 is no longer kept, the earliest is " + gone + "\n", all.err());
        assertEquals(
                logs.out(),
                alice.run("logs", "--offset", Integer.toString(gone), job).out());
        assertTrue(alice.run("status", job).out().contains("kept from " + gone));
    }

    @Test
    void stop_byItself_isAsTheJobWantsIt() {
        Shell alice = as("alice");
        String job = alice.run(
                        "start",
                        "--stop-signal",
                        "usr1",
                        "--grace",
                        "1d",
                        "--",
                        "sh",
                        "-c",
                        "trap 'exit 9' USR1; trap '' TERM; echo ready; while :; do sleep 0.1; done")
                .out()
                .strip();
        await().until(() -> alice.run("logs", job).out().equals("ready\n"));
        assertTrue(alice.run("status", job).out().contains("Stopped by: SIGUSR1"));
        assertEquals(0, alice.run("stop", job).code());
        assertEquals(9, alice.run("wait", job).code());
    }

    @Test
    void descendants_waitedFor_keepTheJobRunning() {
        Shell.Result result = as("alice")
                .run("run", "--descendants", "wait", "--", "sh", "-c", "(sleep 0.5; echo late) & echo early; exit 4");
        assertEquals("early\nlate\n", result.out());
        assertEquals(4, result.code());
    }

    @ParameterizedTest
    @CsvSource({"no-such-program, 127", "/etc/passwd, 126", "/, 126"})
    void run_thatCannotBeExecuted_exitsAsAShellWould(String program, int code) {
        Shell.Result result = as("alice").run("run", "--", program);
        assertEquals(code, result.code(), result.err());
        assertEquals(1, result.err().lines().count(), result.err());
        assertEquals("", result.out());
    }

    @Test
    void start_withTheSameRequestId_isTheSameJob() {
        String id = UUID.randomUUID().toString();
        Shell alice = as("alice");
        String first = alice.run("start", "--request-id", id, "--", "true").out();
        assertEquals(first, alice.run("start", "--request-id", id, "--", "true").out());
        assertEquals(1, alice.run("start", "--request-id", id, "--", "false").code());
    }

    @Test
    void logs_areByteExactWholeOrInPart() {
        String job = start("alice", "sh", "-c", "printf 'one\\ntwo\\n'; printf 'E\\000' >&2; printf 'three'");
        Shell alice = as("alice");
        assertEquals(0, alice.run("wait", job).code());
        String all = alice.run("logs", job).out();
        assertEquals("one\ntwo\nthree".length() + 2, all.length());
        assertEquals("one\ntwo\nthree", alice.run("logs", "-f", "--stdout", job).out());
        assertEquals("E\0", alice.run("logs", "--stderr", job).out());
        assertEquals("three", alice.run("logs", "--stdout", "--tail", "1", job).out());
        assertEquals(
                "ree", alice.run("logs", "--stdout", "--tail-bytes", "3", job).out());
        assertEquals(
                "two\nthree",
                alice.run("logs", "--stdout", "--offset", "4", job).out());
        assertEquals(
                "",
                alice.run("logs", "--offset", Integer.toString(all.length()), job)
                        .out());
        assertEquals(1, alice.run("logs", "--offset", "1000", job).code());
        assertEquals(2, alice.run("logs", "--offset=-1", job).code());
        assertEquals(2, alice.run("logs", "--stdout", "--stderr", job).code());
        assertEquals(2, alice.run("logs", "--offset", "1", "--tail", "1", job).code());
        assertTrue(alice.run("logs", "-t", "--stdout", job)
                .out()
                .lines()
                .allMatch(line -> line.matches("20.*Z stdout .*")));
    }

    @Test
    void stop_waitsForTheEndAndStatusTellsHow() {
        String job = start("alice", "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done");
        CompletableFuture<Shell.Result> follower =
                CompletableFuture.supplyAsync(() -> as("alice").run("logs", "-f", job));
        assertEquals(0, as("alice").run("stop", "--grace", "0s", job).code());
        assertTrue(follower.join().code() == 0);
        String status = as("alice").run("status", job).out();
        assertTrue(status.contains("STOPPED") && status.contains("SIGKILL") && status.contains("user/alice"), status);
        assertEquals(137, as("alice").run("wait", job).code());
        assertEquals(0, as("alice").run("stop", job).code(), "idempotent");
        assertEquals(0, as("alice").run("delete", job).code());
        assertEquals(69, as("alice").run("status", job).code());
    }

    @Test
    void severalJobs_oneMissing_theOthersAreShown() {
        String job = start("alice", "true");
        Shell.Result result = as("alice").run("status", "-o", "jsonl", job, ABSENT);
        assertEquals(69, result.code());
        assertEquals(1, result.out().lines().count());
        assertEquals("jobworker: no job " + ABSENT + "\n", result.err());
    }

    @Test
    void wait_ofSeveral_succeedsOnlyIfAllDid() {
        String good = start("alice", "true");
        String bad = start("alice", "sh", "-c", "exit 9");
        assertEquals(0, as("alice").run("wait", good).code());
        assertEquals(9, as("alice").run("wait", bad).code());
        Shell.Result both = as("alice").run("wait", good, bad);
        assertEquals(1, both.code());
        assertEquals("", both.out() + both.err());
    }

    @Test
    void signal_reachesTheJob() {
        String job = start("alice", "sh", "-c", "trap 'exit 5' USR1; echo ready; while :; do sleep 0.1; done");
        Onlooker ready = Onlooker.silent();
        Thread.ofVirtual().start(() -> Main.run(withOut("alice", ready), "logs", "-f", job));
        ready.firstLine().join();
        assertEquals(0, as("alice").run("signal", job, "usr1").code());
        assertEquals(5, as("alice").run("wait", job).code());
        assertEquals(2, as("alice").run("signal", job, "NOPE").code());
        assertTrue(as("alice").run("signal", job, "HUP").err().contains("has ended"));
    }

    @Test
    void list_filtersByLabelAndState() {
        String label = "l" + UUID.randomUUID();
        as("alice").run("run", "--label", label + "=1", "--", "true");
        as("alice").run("run", "--label", label + "=1", "--", "false");
        assertEquals(
                3,
                as("alice").run("list", "--label", label + "=1").out().lines().count());
        Shell.Result failed = as("alice").run("list", "--label", label + "=1", "--state", "failed", "-o", "jsonl");
        assertEquals(1, failed.out().lines().count(), failed.err());
        assertTrue(failed.out().contains("\"exit\":{\"code\":1,"));
        assertEquals(
                "[]",
                as("bob")
                        .run("list", "--label", label + "=1", "-o", "json")
                        .out()
                        .replaceAll("\\s", ""));
    }

    @Test
    void whoami_tellsIdentityAndRole() {
        assertTrue(as("alice").run("whoami").out().contains("spiffe://example.test/user/alice"));
        assertTrue(as("victor").run("whoami", "-o", "json").out().contains("\"viewer\""));
        assertTrue(as("nobody").run("whoami").out().contains("none"));
    }

    @Test
    void othersJob_isIndistinguishableFromNone() {
        String job = start("alice", "true");
        for (String command : new String[] {"status", "logs", "stop", "wait", "delete"}) {
            Shell.Result result = as("bob").run(command, job);
            assertEquals(69, result.code(), command);
            assertEquals("jobworker: no job " + job + "\n", result.err());
        }
    }

    @Test
    void withoutTheRole_permissionIsDenied() {
        assertEquals(77, as("nobody").run("list").code());
        assertEquals(77, as("victor").run("run", "--", "true").code());
    }

    @ParameterizedTest
    @CsvSource({
        "late, the server refused your certificate late.crt: expired 20",
        "mallory, the server refused your certificate mallory.crt: not signed by the authority in ca.crt",
        "revoked, the server refused your certificate revoked.crt: the policy denies the serial number",
        "server, the server refused your certificate server.crt: not made for clients"
    })
    void refusedCertificate_isExplainedAndRecorded(String user, String message) throws Exception {
        Shell.Result result = as(user).run("list");
        assertTrue(result.err().startsWith("jobworker: " + message), result.err());
        assertEquals(77, result.code());
        assertEquals(1, result.err().lines().count(), result.err());
        Path certificate =
                folder.resolve(user.equals("mallory") ? "other" : ".").resolve(user + ".crt");
        String serial = PemFiles.certificate(certificate).getSerialNumber().toString(16);
        await("a line in the audit log")
                .until(() -> Files.readAllLines(site.auditLog()).stream()
                        .anyMatch(line -> line.contains("\"serial\":\"" + serial + "\"")
                                && line.contains("\"authenticate\"")
                                && line.contains("CERTIFICATE_REJECTED")));
    }

    @Test
    void serverOfAnotherAuthority_isSaidToBeTheServersFault() {
        Shell.Result result = as("alice")
                .with("JOBWORKER_CA", folder.resolve("other/ca.crt").toString())
                .run("list");
        assertEquals(75, result.code());
        assertTrue(
                result.err()
                        .contains("the certificate of the server " + server.address(transport) + " cannot be trusted"),
                result.err());
    }

    @Test
    void noServer_isOneLine() {
        Shell.Result result = as("alice")
                .with("JOBWORKER_SERVER", transport.scheme() + "://127.0.0.1:1")
                .run("list");
        assertEquals(75, result.code());
        assertEquals(1, result.err().lines().count(), result.err());
        assertTrue(
                result.err().startsWith("jobworker: no connection to 127.0.0.1:1: Connection refused"), result.err());
    }

    @Test
    void server_withoutPort_isAtTheDefaultPort() {
        Shell.Result result = as("alice")
                .with("JOBWORKER_SERVER", transport.scheme() + "://127.0.0.77")
                .run("list");
        assertEquals(75, result.code());
        String port = transport == Transport.GRPC ? "7443" : "8443";
        assertTrue(result.err().contains("127.0.0.77:" + port), result.err());
    }

    @Test
    void keyThatOthersMayRead_isRefused() throws IOException {
        Path key = folder.resolve("open-" + transport + ".key");
        Files.copy(folder.resolve("alice.key"), key);
        Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-r--r--"));
        Shell.Result result = as("alice").with("JOBWORKER_KEY", key.toString()).run("list");
        assertEquals(2, result.code());
        assertTrue(result.err().contains("chmod 600"), result.err());
    }

    @Test
    void output_ofAMegabyte_hasTheSameDigest() throws Exception {
        Path file = folder.resolve("random.bin");
        Shell.Result result = as("alice")
                .run(
                        "run",
                        "--cwd",
                        folder.toString(),
                        "--",
                        "sh",
                        "-c",
                        "head -c 1000000 /dev/urandom | tee random.bin");
        assertEquals(0, result.code());
        assertFalse(result.outBytes().length == 0);
        assertEquals(
                HexFormat.of().formatHex(Files.readAllBytes(file)),
                HexFormat.of().formatHex(result.outBytes()));
    }

    private Console withOut(String user, Onlooker out) {
        Console console = as(user).console();
        return new Console(
                console.in(),
                out,
                console.err(),
                false,
                false,
                console.environment(),
                console.directory(),
                Signals.NONE);
    }
}
