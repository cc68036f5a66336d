package dev.jobworker.core;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * An immutable value that is replaced as a whole, and those who wait for the next one.
 *
 * <p>No news is missed: who waits names its thread, looks once more whether there is news, and parks; who publishes first replaces the value and
 * then unparks whoever is named. One of the two sees the other. Waiters are registered for as long as they may wait, so that a wait that is given
 * up leaves nothing behind. Waking costs one look a waiter; nothing is queued.
 */
final class Published<T> {
    private final Predicate<T> isLast;
    private final Set<Waiter> waiters = ConcurrentHashMap.newKeySet();

    /** Written under this object's monitor, read freely. */
    private volatile T value;

    private volatile boolean closed;

    /**
     * @param isLast whether nothing may replace a value
     */
    Published(T value, Predicate<T> isLast) {
        this.value = value;
        this.isLast = isLast;
    }

    T get() {
        return value;
    }

    /** Replaces the value by {@code change} of it and wakes all who wait; does nothing after the last value. */
    void update(UnaryOperator<T> change) {
        synchronized (this) {
            T before = value;
            if (isLast.test(before)) {
                return;
            }
            value = change.apply(before);
        }
        wakeAll();
    }

    boolean isClosed() {
        return closed;
    }

    /** Ends all waiting. */
    void close() {
        closed = true;
        wakeAll();
    }

    private void wakeAll() {
        waiters.forEach(Waiter::wake);
    }

    /** Returns a new waiter, which is to be closed. */
    Waiter waiter() {
        Waiter waiter = new Waiter();
        waiters.add(waiter);
        return waiter;
    }

    /** Who may wait. For one thread at a time; {@link #close} and {@link #wake} may be called by any. */
    final class Waiter implements AutoCloseable {
        private volatile @Nullable Thread thread;
        private volatile boolean ended;

        private Waiter() {}

        /**
         * Waits until there is another value than {@code seen}, or this waiter or the whole was closed. Returns false at the deadline.
         *
         * @param deadline as of {@link OutputReader#deadline}
         */
        @SuppressWarnings("ReferenceEquality") // a value is replaced as a whole
        boolean await(T seen, long deadline) throws InterruptedException {
            thread = Thread.currentThread();
            try {
                while (value == seen && !ended && !closed) {
                    if (Thread.interrupted()) {
                        throw new InterruptedException();
                    }
                    if (deadline == Long.MAX_VALUE) {
                        LockSupport.park(this);
                    } else {
                        long left = deadline - System.nanoTime();
                        if (left <= 0) {
                            return false;
                        }
                        LockSupport.parkNanos(this, left);
                    }
                }
                return true;
            } finally {
                thread = null;
            }
        }

        private void wake() {
            Thread waiting = thread;
            if (waiting != null) {
                LockSupport.unpark(waiting);
            }
        }

        @Override
        public void close() {
            ended = true;
            waiters.remove(this);
            wake();
        }
    }
}
