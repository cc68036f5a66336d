package dev.jobworker.grpc;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * How a client meets broken connections.
 *
 * @param silence a stream without a message for so long is broken: three heartbeats of the server
 * @param giveUp an output that could not be resumed for so long has failed
 */
record Retry(Duration silence, Duration giveUp) {
    static final Retry DEFAULTS = new Retry(Duration.ofSeconds(45), Duration.ofMinutes(2));

    /** How often something is tried that never worked on this connection. */
    static final int ATTEMPTS = 3;

    private static final long FIRST_DELAY_MILLIS = 100;
    private static final long MAX_DELAY_MILLIS = 5000;

    /** Returns the time before the next attempt after {@code failures} in a row: doubled each time, and random by half so that many clients do not come back at once. */
    static Duration delay(int failures) {
        long delay = Math.min(MAX_DELAY_MILLIS, FIRST_DELAY_MILLIS << Math.min(failures - 1, 10));
        return Duration.ofMillis(ThreadLocalRandom.current().nextLong(delay / 2, delay + 1));
    }
}
