package dev.jobworker.core;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;

/**
 * One reader's position in the output of one job. Readers are independent: a slow one delays nobody.
 *
 * <p>For one thread at a time; {@link #close} may be called by any thread and ends a waiting call.
 */
public interface OutputReader extends AutoCloseable {

    /** As long as one wants to wait when there is nothing else to do. */
    Duration FOREVER = Duration.ofDays(36_500);

    /**
     * Waits for the next event, at most {@code maxWait}.
     *
     * @throws InterruptedException if the thread is interrupted; the reader stays usable
     * @throws RuntimeException if the output cannot be delivered any further ({@link JobException} here, the contract's own exception at a
     *     client). Only {@link OutputEvent.End} means that all was delivered
     */
    OutputEvent next(Duration maxWait) throws InterruptedException;

    /** Waits for the next chunk or the end. */
    default OutputEvent next() throws InterruptedException {
        OutputEvent event;
        do {
            event = next(FOREVER);
        } while (event instanceof OutputEvent.Idle);
        return event;
    }

    /** Writes all chunks to {@code target} as they come and returns the end. */
    default OutputEvent.End transferTo(OutputStream target) throws IOException, InterruptedException {
        WritableByteChannel channel = Channels.newChannel(target);
        while (true) {
            switch (next()) {
                case OutputEvent.Chunk chunk -> {
                    while (chunk.bytes().hasRemaining()) {
                        channel.write(chunk.bytes());
                    }
                    target.flush();
                }
                case OutputEvent.Idle _ -> {}
                case OutputEvent.End end -> {
                    return end;
                }
            }
        }
    }

    /** Returns the {@link System#nanoTime} at which {@code wait} is over, {@code Long.MAX_VALUE} for {@link #FOREVER}. */
    static long deadline(Duration wait) {
        return wait.compareTo(FOREVER) >= 0 ? Long.MAX_VALUE : System.nanoTime() + Math.max(0, wait.toNanos());
    }

    /** Frees the reader. Never fails; a second call does nothing. */
    @Override
    void close();
}
