package dev.jobworker.core;

import java.time.Instant;

/**
 * A job at one moment.
 *
 * @param owner who started it
 * @param spec what was asked for, {@linkplain JobSpec#withoutSecrets without values of environment variables and without input}
 * @param createTime when the request was accepted
 * @param status what is true of it now
 */
public record Job(
        JobId id,
        String owner,
        JobSpec spec,
        Instant createTime,
        JobStatus status,
        OutputInfo output,
        InputInfo input) {

    /** Returns the state in one word. */
    public JobState state() {
        return status.state();
    }
}
