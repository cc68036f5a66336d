package dev.jobworker.core;

import org.jspecify.annotations.Nullable;

/**
 * What happens to the output of a job.
 *
 * @param limitBytes the most bytes kept, both streams together; null for the engine's own limit
 * @param atLimit what to do with a job that writes more
 * @param merge whether standard error goes into the same pipe as standard output: the exact order of all bytes, without a name on them
 */
public record OutputPolicy(@Nullable Long limitBytes, AtLimit atLimit, boolean merge) {
    public static final OutputPolicy DEFAULT = new OutputPolicy(null, AtLimit.TRUNCATE, false);

    public OutputPolicy {
        if (limitBytes != null && limitBytes < 0) {
            throw new JobException(new Failure.Invalid("output.limit_bytes", "is negative: " + limitBytes));
        }
    }

    /** What to do with a job at its output limit. */
    public enum AtLimit {
        /** Keep the head, count the rest; the job goes on. */
        TRUNCATE,
        /** Keep the head and end the job. */
        KILL
    }
}
