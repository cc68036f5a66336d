package dev.jobworker.grpc;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * How a client meets broken connections.
 *
 * @param firstDelay before the second attempt; doubled for each further one, and made shorter by up to half at random, so that many clients do not
 *     come back at once
 * @param maxDelay the doubling ends here
 * @param silence a stream without a message for so long is broken: three heartbeats of the server
 * @param giveUp an output that could not be resumed for so long has failed
 */
record Retry(Duration firstDelay, Duration maxDelay, Duration silence, Duration giveUp) {
    static final Retry DEFAULTS =
            new Retry(Duration.ofMillis(100), Duration.ofSeconds(5), Duration.ofSeconds(45), Duration.ofMinutes(2));

    /** How often something is tried that has not worked yet. */
    static final int ATTEMPTS = 3;

    /** Returns how long to wait after so many failures in a row. */
    Duration delay(int failures) {
        long nanos = Math.min(maxDelay.toNanos(), firstDelay.toNanos() << Math.min(failures - 1, 10));
        return Duration.ofNanos(ThreadLocalRandom.current().nextLong(nanos / 2, nanos + 1));
    }
}
