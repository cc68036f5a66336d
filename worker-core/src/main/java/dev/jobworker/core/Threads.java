package dev.jobworker.core;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;

/** What {@link Thread} does not have. */
final class Threads {
    private Threads() {}

    /** Waits for the end of a thread that is about to end, whatever interrupts come meanwhile; they are not lost. */
    static void joinUninterruptibly(Thread thread) {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Does something in a thread that nobody interrupts: an interrupt would close the channels that it uses. Waits for it, whatever interrupts come. */
    static <T> T uninterrupted(Supplier<T> work) {
        try {
            return CompletableFuture.supplyAsync(work, Thread::startVirtualThread)
                    .join();
        } catch (CompletionException e) {
            switch (e.getCause()) {
                case RuntimeException failure -> throw failure;
                case Error error -> throw error;
                case null, default -> throw e;
            }
        }
    }
}
