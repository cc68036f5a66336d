package dev.jobworker.core;

import java.nio.ByteBuffer;
import java.time.Instant;

/** What a reader of a job's output is told next. */
public sealed interface OutputEvent {

    /**
     * Some bytes. Chunks are contiguous: the next one begins at {@code offset} plus the size of {@code bytes}.
     *
     * @param offset where the bytes begin in the view that was asked for
     * @param stream the stream that the job wrote them to
     * @param time when the first of them arrived; the others came less than {@value #TIME_SPAN_MICROS} microseconds later
     * @param bytes at least one byte; valid until the next call to the reader
     */
    record Chunk(long offset, StdStream stream, Instant time, ByteBuffer bytes) implements OutputEvent {
        /** How much later than its first byte the others of a chunk may have arrived. */
        static final long TIME_SPAN_MICROS = 50_000;
    }

    /** Nothing came for as long as the caller wanted to wait. */
    record Idle(long nextOffset) implements OutputEvent {}

    /**
     * The regular end. Nothing follows it.
     *
     * @param nextOffset where a later reader would go on
     * @param job the job at this moment; final if {@code reason} is {@code COMPLETE}
     */
    record End(Reason reason, long nextOffset, Job job) implements OutputEvent {

        /** Why the output ended. */
        public enum Reason {
            /** The job is final and every kept byte was delivered. */
            COMPLETE,
            /** The reader did not follow and has all that was there. */
            CAUGHT_UP,
            /** The reader's own byte limit. */
            LIMIT
        }
    }
}
