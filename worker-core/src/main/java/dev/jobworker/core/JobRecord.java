package dev.jobworker.core;

import java.time.Instant;
import java.util.UUID;

/**
 * The file {@code job.json}: what was asked for, written before the start.
 *
 * @param requestDigest of the request, to tell a repeated one from another one
 * @param bootId the boot in which it was started: no process of it can be alive in another
 * @param spec with the values of variables; without the input, which is a file of its own
 */
record JobRecord(
        int version,
        String owner,
        UUID requestId,
        String requestDigest,
        Instant createTime,
        String bootId,
        JobSpec spec) {

    static final int VERSION = 1;
}
