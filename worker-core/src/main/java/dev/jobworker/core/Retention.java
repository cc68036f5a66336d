package dev.jobworker.core;

import java.time.Duration;

/**
 * How long final jobs are kept: whichever bound is crossed, the jobs that ended first are deleted until it is not. Running jobs are never
 * deleted, nor is the job that ended last for its size.
 *
 * @param maxJobs at most so many final jobs
 * @param maxBytes at most so many bytes of kept output of all final jobs together
 * @param maxAge at most so long after their end
 */
public record Retention(int maxJobs, long maxBytes, Duration maxAge) {

    /** 10,000 jobs, 32 GiB, 7 days. */
    public static final Retention DEFAULT = new Retention(10_000, 32L << 30, Duration.ofDays(7));

    public Retention {
        if (maxJobs < 1) {
            throw new IllegalArgumentException("maxJobs is less than 1: " + maxJobs);
        }
        if (maxBytes < 0) {
            throw new IllegalArgumentException("maxBytes is negative: " + maxBytes);
        }
        if (!maxAge.isPositive() || maxAge.compareTo(JobSpec.MAX_DURATION) > 0) {
            throw new IllegalArgumentException("maxAge is not between 0 and ten years: " + maxAge);
        }
    }
}
