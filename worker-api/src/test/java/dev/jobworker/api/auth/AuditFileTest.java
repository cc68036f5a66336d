package dev.jobworker.api.auth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.core.JobId;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/** Lines of the audit file. */
class AuditFileTest {
    private static final UUID REQUEST = UUID.fromString("11111111-2222-4333-8444-555555555555");

    @TempDir
    Path directory;

    @Test
    void record_fullEvent_isOneLineOfJson() throws Exception {
        Path file = directory.resolve("audit.log");
        try (AuditLog log = AuditLog.file(file)) {
            log.record(event("/bin/true", 3));
        }

        assertEquals(List.of("""
                        {"time":"2026-01-02T03:04:05Z","requestId":"11111111-2222-4333-8444-555555555555",\
                        "identity":"spiffe://a.b/user/x","serial":"ff","role":"user","action":"start",\
                        "jobId":"01890a5d-ac96-774b-bcce-b302099a8057","decision":"allow","argv0":"/bin/true","argc":3}"""), Files.readAllLines(file));
    }

    @Test
    void record_hostileName_staysOnItsLineAndIsCut() {
        String json = AuditFile.json(event("a\n{\"decision\":\"allow\"}\u001b[2J\u2028é\"" + "x".repeat(5000), 1));

        assertTrue(json.chars().allMatch(c -> c >= ' ' && c < 127), json);
        assertEquals(
                256, JsonMapper.shared().readTree(json).get("argv0").asString().length());
    }

    @Test
    void record_sparseEvent_hasOnlyWhatIsKnown() {
        assertEquals(
                """
                {"time":"2026-01-02T03:04:05Z","requestId":"11111111-2222-4333-8444-555555555555","serial":"1",\
                "action":"authenticate","decision":"deny","reason":"CERTIFICATE_REJECTED: it expired"}""",
                AuditFile.json(new AuditEvent(
                        Instant.parse("2026-01-02T03:04:05Z"),
                        REQUEST,
                        null,
                        BigInteger.ONE,
                        null,
                        "authenticate",
                        null,
                        AuditEvent.Decision.DENY,
                        "CERTIFICATE_REJECTED: it expired",
                        null,
                        null)));
    }

    @Test
    void file_new_isOnlyForItsOwner() throws Exception {
        Path file = directory.resolve("audit.log");
        AuditLog.file(file).close();

        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
    }

    @Test
    void file_existing_isAppendedToAndKeepsItsMode() throws Exception {
        Path file = directory.resolve("audit.log");
        Files.writeString(file, "before\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
        try (AuditLog log = AuditLog.file(file)) {
            log.record(event(null, null));
        }

        assertEquals(2, Files.readAllLines(file).size());
        assertEquals("before", Files.readAllLines(file).getFirst());
        assertEquals("rw-r-----", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
    }

    @Test
    void record_fromManyThreadsSomeInterrupted_keepsLinesApart() throws Exception {
        Path file = directory.resolve("audit.log");
        try (AuditLog log = AuditLog.file(file)) {
            List<Thread> writers = new ArrayList<>();
            for (int i = 0; i < 16; i++) {
                boolean interrupted = i % 2 == 0;
                writers.add(Thread.ofVirtual().start(() -> {
                    if (interrupted) {
                        Thread.currentThread().interrupt();
                    }
                    for (int line = 0; line < 100; line++) {
                        try {
                            log.record(event("/bin/true", line));
                        } catch (IOException e) {
                            throw new AssertionError(e);
                        }
                    }
                }));
            }
            for (Thread writer : writers) {
                writer.join();
            }
        }

        List<String> lines = Files.readAllLines(file);
        assertEquals(1600, lines.size());
        assertFalse(lines.stream().anyMatch(line -> !line.startsWith("{\"time\"") || !line.endsWith("}")));
    }

    @Test
    void record_toAFullDevice_fails() throws Exception {
        try (AuditLog log = AuditLog.file(Path.of("/dev/full"))) {
            assertThrows(IOException.class, () -> log.record(event(null, null)));
        }
    }

    private static AuditEvent event(@Nullable String argv0, @Nullable Integer argc) {
        return new AuditEvent(
                Instant.parse("2026-01-02T03:04:05Z"),
                REQUEST,
                "spiffe://a.b/user/x",
                BigInteger.valueOf(255),
                Role.USER,
                "start",
                new JobId(UUID.fromString("01890a5d-ac96-774b-bcce-b302099a8057")),
                AuditEvent.Decision.ALLOW,
                null,
                argv0,
                argc);
    }
}
