package dev.jobworker.core;

import org.jspecify.annotations.Nullable;

/**
 * Why a job ended.
 *
 * @param requestedBy who asked, for {@code STOP_REQUEST} and {@code WORKER_SHUTDOWN} only
 * @param graceExceeded whether the job was still there at the end of its grace period and had to be killed
 */
public record Cause(Kind kind, @Nullable String requestedBy, boolean graceExceeded) {

    /** The kinds of reasons for an end. */
    public enum Kind {
        /** The main process ended by itself, or by a signal that did not come from a stop. */
        OWN_ACCORD,
        /** Somebody asked for it. */
        STOP_REQUEST,
        /** It ran longer than its time limit. */
        TIMEOUT,
        /** It wrote more than its output limit, and its policy is to be killed for that. */
        OUTPUT_LIMIT,
        /** The worker was closed with the policy to stop its jobs. */
        WORKER_SHUTDOWN
    }
}
