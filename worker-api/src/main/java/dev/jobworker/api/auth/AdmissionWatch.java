package dev.jobworker.api.auth;

import dev.jobworker.api.WorkerException;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Ends what a caller has open when it is no longer admitted, for work that does not look itself. A virtual thread that sleeps until then. */
public final class AdmissionWatch implements AutoCloseable {
    private final Thread watch;

    /**
     * Begins to watch.
     *
     * @param admittedFor how long the caller will still be admitted; throws if it is not any more
     * @param onEnd told why, once, in a thread of its own
     */
    public AdmissionWatch(Supplier<Duration> admittedFor, Consumer<WorkerException> onEnd) {
        watch = Thread.ofVirtual().name("admission-watch").start(() -> watch(admittedFor, onEnd));
    }

    private static void watch(Supplier<Duration> admittedFor, Consumer<WorkerException> onEnd) {
        try {
            while (true) {
                Thread.sleep(admittedFor.get().plus(GuardedReader.TICK));
            }
        } catch (WorkerException noLongerAdmitted) {
            onEnd.accept(noLongerAdmitted);
        } catch (InterruptedException closed) {
            // Nothing is open any more.
        }
    }

    /** Ends the watch. It may be telling at this moment. */
    @Override
    public void close() {
        watch.interrupt();
    }
}
