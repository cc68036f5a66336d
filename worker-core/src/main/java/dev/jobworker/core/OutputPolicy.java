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

    /** The least limit with {@code KEEP_TAIL}: the log is dropped in pieces of an eighth of it. */
    public static final long MIN_TAIL_BYTES = 64 << 10;

    public OutputPolicy {
        if (limitBytes != null && limitBytes < 0) {
            throw new JobException(new Failure.Invalid("output.limit_bytes", "is negative: " + limitBytes));
        }
        if (limitBytes != null) {
            atLimit.check(limitBytes);
        }
    }

    /** What to do with a job at its output limit. */
    public enum AtLimit {
        /** Keep the head, count the rest; the job goes on. */
        TRUNCATE,
        /** Keep the head and end the job. */
        KILL,
        /**
         * Keep the tail, at least half of the limit and at most all of it; count the head. Offsets stay what they are. A reader that falls behind the
         * kept part ends with {@link Failure.OutputTruncated}.
         */
        KEEP_TAIL;

        void check(long limitBytes) {
            if (this == KEEP_TAIL && limitBytes < MIN_TAIL_BYTES) {
                throw new JobException(new Failure.Invalid(
                        "output.limit_bytes",
                        "is less than " + MIN_TAIL_BYTES + ", the least for a tail: " + limitBytes));
            }
        }
    }
}
