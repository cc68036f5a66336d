package dev.jobworker.api.auth;

import java.io.IOException;
import java.nio.file.Path;

/** Where decisions are recorded. Called by many threads at once. */
@FunctionalInterface
public interface AuditLog extends AutoCloseable {

    /** Keeps nothing: for a worker inside a program that has its own records. */
    AuditLog DISCARD = _ -> {};

    /**
     * Records {@code event} before it returns.
     *
     * @throws IOException if that is impossible. Then calls that change something are refused with AUDIT_UNAVAILABLE, except stops by an
     *     admin; reads go on
     */
    void record(AuditEvent event) throws IOException;

    @Override
    default void close() throws IOException {}

    /**
     * Returns a log that appends one line of JSON per event to {@code file}. A new file gets mode 0600. Every line is written to the file, not
     * necessarily to the disk below, before the call is answered. Rotate by copy and truncate.
     */
    static AuditLog file(Path file) throws IOException {
        return new AuditFile(file);
    }
}
