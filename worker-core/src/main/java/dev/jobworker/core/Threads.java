package dev.jobworker.core;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;

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

    /** Work with files through channels, which an interrupt closes. */
    interface ChannelWork<T> {
        T run() throws IOException;
    }

    /** Does again what an interrupt has cut, for work that waits for nothing and leaves nothing when it fails. The interrupt is not lost. */
    static <T> T despiteInterrupts(ChannelWork<T> work) throws IOException {
        boolean interrupted = Thread.interrupted();
        try {
            while (true) {
                try {
                    return work.run();
                } catch (ClosedByInterruptException e) {
                    interrupted = Thread.interrupted();
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
