package dev.jobworker.api.transport;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.WorkerException;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;

/**
 * How a client meets broken connections.
 *
 * @param firstDelay before the second attempt; doubled for each further one, and made shorter by up to half at random, so that many clients do not
 *     come back at once
 * @param maxDelay the doubling ends here
 * @param silence a stream without a message for so long is broken: three heartbeats of the server
 * @param giveUp an output that could not be resumed for so long has failed
 */
public record Retry(Duration firstDelay, Duration maxDelay, Duration silence, Duration giveUp) {
    public static final Retry DEFAULTS =
            new Retry(Duration.ofMillis(100), Duration.ofSeconds(5), Duration.ofSeconds(45), Duration.ofMinutes(2));

    /** A call that has no answer for so long has failed. */
    public static final Duration DEADLINE = Duration.ofSeconds(30);

    private static final Duration AWAIT_MARGIN = Duration.ofSeconds(10);

    /** How often something is tried that has not worked yet. */
    static final int ATTEMPTS = 3;

    /** Returns how long to wait after so many failures in a row. */
    Duration delay(int failures) {
        long nanos = Math.min(maxDelay.toNanos(), firstDelay.toNanos() << Math.min(failures - 1, 10));
        return Duration.ofNanos(ThreadLocalRandom.current().nextLong(nanos / 2, nanos + 1));
    }

    /**
     * Makes a call that may be repeated without harm until it works, {@link #ATTEMPTS} times at most.
     *
     * @param mayPass whether another attempt may work where one failed so
     * @param beforeAgain run before each further attempt
     */
    public <A> A repeat(Supplier<A> call, Predicate<WorkerException> mayPass, Runnable beforeAgain) {
        for (int failures = 1; ; failures++) {
            try {
                return call.get();
            } catch (WorkerException failure) {
                if (failures == ATTEMPTS || !mayPass.test(failure)) {
                    throw failure;
                }
                try {
                    Thread.sleep(delay(failures));
                } catch (InterruptedException ended) {
                    Thread.currentThread().interrupt();
                    throw failure;
                }
                beforeAgain.run();
            }
        }
    }

    /** Returns how long the answer to a wait of {@code maxWait} at the server may take. */
    public static Duration awaitDeadline(Duration maxWait) {
        return (maxWait.compareTo(JobWorker.MAX_WAIT) < 0 ? maxWait : JobWorker.MAX_WAIT).plus(AWAIT_MARGIN);
    }

    /**
     * Waits at a server, over as many calls as {@link #repeat} makes.
     *
     * @param call waits so long as it is told
     */
    public <A> A await(
            Duration maxWait, Function<Duration, A> call, Predicate<WorkerException> mayPass, Runnable beforeAgain)
            throws InterruptedException {
        long start = System.nanoTime();
        Supplier<A> rest = () -> {
            Duration left = maxWait.minusNanos(System.nanoTime() - start);
            // A negative wait is for the server to refuse.
            return call.apply(left.isNegative() && !maxWait.isNegative() ? Duration.ZERO : left);
        };
        try {
            return repeat(rest, mayPass, beforeAgain);
        } catch (WorkerException failure) {
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
            throw failure;
        }
    }
}
