package dev.jobworker.api.auth;

import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Appends events to a file, a line of ASCII JSON each. */
final class AuditFile implements AuditLog {
    /** Longer names of programs are cut, so that a line is one write(2). */
    private static final int MAX_ARGV0 = 256;

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

    // A FileChannel would be closed for all by one interrupted writer. O_APPEND keeps the lines of concurrent writers
    // apart.
    private final FileOutputStream out;

    // Written after a failed write, which may have left half a line; a lost race costs an empty line at worst.
    private volatile boolean torn;

    AuditFile(Path file) throws IOException {
        try {
            Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        } catch (FileAlreadyExistsException _) {
            // Its mode is the administrator's choice.
        }
        out = new FileOutputStream(file.toFile(), true);
    }

    @Override
    public void record(AuditEvent event) throws IOException {
        byte[] line = ((torn ? "\n" : "") + json(event) + "\n").getBytes(StandardCharsets.US_ASCII);
        try {
            out.write(line);
            torn = false;
        } catch (IOException failed) {
            torn = true;
            throw failed;
        }
    }

    @Override
    public void close() throws IOException {
        out.close();
    }

    static String json(AuditEvent event) {
        ObjectNode line = JSON.createObjectNode();
        line.put("time", event.time().toString());
        line.put("requestId", event.requestId().toString());
        putIfPresent(line, "identity", event.identity());
        line.put("serial", event.serial().toString(16));
        Role role = event.role();
        putIfPresent(line, "role", role == null ? null : role.label());
        line.put("action", event.action());
        putIfPresent(line, "jobId", event.jobId());
        line.put("decision", event.decision().label());
        putIfPresent(line, "reason", event.reason());
        String argv0 = event.argv0();
        putIfPresent(
                line, "argv0", argv0 == null || argv0.length() <= MAX_ARGV0 ? argv0 : argv0.substring(0, MAX_ARGV0));
        Integer argc = event.argc();
        if (argc != null) {
            line.put("argc", argc);
        }
        return JSON.writeValueAsString(line);
    }

    private static void putIfPresent(ObjectNode line, String name, @Nullable Object value) {
        if (value != null) {
            line.put(name, value.toString());
        }
    }
}
