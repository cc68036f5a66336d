package dev.jobworker.api.auth;

import dev.jobworker.api.CoreFailures;
import dev.jobworker.core.JobException;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputReader;
import java.time.Duration;
import java.util.function.Supplier;

/** A reader that throws the contract's exceptions and ends when its caller is no longer admitted. */
final class GuardedReader implements OutputReader {
    /** Added to the time of admission, so that it is over when a wait for its end is. */
    static final Duration TICK = Duration.ofMillis(1);

    private final OutputReader reader;
    private final Supplier<Duration> admittedFor;
    private final Runnable onClose;

    /**
     * @param admittedFor how long the caller will still be admitted; throws if it is not any more
     * @param onClose run at every close
     */
    GuardedReader(OutputReader reader, Supplier<Duration> admittedFor, Runnable onClose) {
        this.reader = reader;
        this.admittedFor = admittedFor;
        this.onClose = onClose;
    }

    @Override
    public OutputEvent next(Duration maxWait) throws InterruptedException {
        Duration admitted = admittedFor.get().plus(TICK);
        boolean endsBefore = admitted.compareTo(maxWait) < 0;
        OutputEvent event;
        try {
            event = reader.next(endsBefore ? admitted : maxWait);
        } catch (JobException failed) {
            throw CoreFailures.translate(failed);
        }
        if (endsBefore && event instanceof OutputEvent.Idle) {
            Duration _ = admittedFor.get();
        }
        return event;
    }

    @Override
    public void close() {
        reader.close();
        onClose.run();
    }
}
