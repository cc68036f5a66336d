package dev.jobworker.core;

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
}
