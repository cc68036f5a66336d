package dev.jobworker.api.auth;

import dev.jobworker.core.JobId;
import java.math.BigInteger;
import java.time.Instant;
import java.util.Locale;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * One decision about one call. Values of environment variables and arguments after the program never get here.
 *
 * @param requestId the caller's own for a start, else made for the call; the lines of one call share it
 * @param identity SPIFFE ID; null if the certificate was refused
 * @param serial of the certificate
 * @param role null if none is bound
 * @param action an {@link Action#label}, or "authenticate"
 * @param jobId null if no job was named, and before a start
 * @param reason the {@link dev.jobworker.api.Reason} of a refusal or failure, with the broken rule for a refused certificate
 * @param argv0 the program of a start
 * @param argc the number of its arguments with the program
 */
public record AuditEvent(
        Instant time,
        UUID requestId,
        @Nullable String identity,
        BigInteger serial,
        @Nullable Role role,
        String action,
        @Nullable JobId jobId,
        Decision decision,
        @Nullable String reason,
        @Nullable String argv0,
        @Nullable Integer argc) {

    /** What was decided, or what became of it. */
    public enum Decision {
        /** The call goes ahead. */
        ALLOW,
        /** The call was refused by the rules. */
        DENY,
        /** The call was bad in itself, or failed. */
        ERROR,
        /** A start that was allowed has made this job. */
        STARTED,
        /** An output stream that was allowed has been closed. */
        CLOSED;

        public String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
