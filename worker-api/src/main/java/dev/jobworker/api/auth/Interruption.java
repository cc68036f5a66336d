package dev.jobworker.api.auth;

import dev.jobworker.api.WorkerException;
import org.jspecify.annotations.Nullable;

/** Interrupts the thread that makes this while it does one thing, and never after. */
public final class Interruption {
    private final Thread target = Thread.currentThread();

    // Both guarded by this.
    private boolean over;
    private @Nullable WorkerException reason;

    public Interruption() {}

    /** Interrupts the thread, unless what it does is over or was interrupted before. */
    public synchronized void interrupt(WorkerException why) {
        if (!over && reason == null) {
            reason = why;
            target.interrupt();
        }
    }

    /** What the thread does is over. Returns why it was interrupted, null if it was not by this; the thread is not interrupted any more by it. */
    public synchronized @Nullable WorkerException end() {
        if (!over && reason != null) {
            boolean _ = Thread.interrupted();
        }
        over = true;
        return reason;
    }
}
