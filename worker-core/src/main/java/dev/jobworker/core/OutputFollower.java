package dev.jobworker.core;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/**
 * The engine's reader: a position in the output of one job.
 *
 * <p>Memory: while it waits, a follower holds no buffer.
 */
final class OutputFollower implements OutputReader {
    private static final System.Logger LOG = System.getLogger(OutputFollower.class.getName());

    /** Read at once, at most: large enough that system calls cost little beside copying. */
    private static final int CHUNK_BYTES = 256 << 10;

    private final SupervisedJob supervised;
    private final OutputQuery query;
    private final BufferPool buffers;
    /** Where this reader stops even if the output goes on, and why. */
    private final long end;

    private final OutputEvent.End.Reason endReason;

    private OutputFiles files;
    private long position;
    private boolean begun;
    private @Nullable ByteBuffer buffer;

    private final Published<Job>.Waiter waiter;
    private volatile boolean closed;

    /** Whether a thread is inside {@link #next}: then that thread frees the files. Guarded by this object's monitor. */
    private boolean reading;

    OutputFollower(SupervisedJob supervised, OutputQuery query, BufferPool buffers) throws IOException {
        this.supervised = supervised;
        this.query = query;
        this.buffers = buffers;
        OutputInfo now = supervised.job().output();
        files = openFiles();
        try {
            position = begin(query, now);
        } catch (IOException | RuntimeException e) {
            files.close();
            throw e;
        }
        long limit = query.limitBytes() > Long.MAX_VALUE - position ? Long.MAX_VALUE : position + query.limitBytes();
        long size = now.bytes(query.view());
        end = query.follow() ? limit : Math.min(limit, size);
        endReason = query.follow() || limit < size ? OutputEvent.End.Reason.LIMIT : OutputEvent.End.Reason.CAUGHT_UP;
        waiter = supervised.snapshot().waiter();
    }

    private OutputFiles openFiles() throws IOException {
        return new OutputFiles(supervised.folder(), supervised.job().spec().output());
    }

    private long begin(OutputQuery query, OutputInfo now) throws IOException {
        long size = now.bytes(query.view());
        long earliest = files.earliest(query.view());
        return switch (query.from()) {
            case OutputQuery.From.Offset(long offset) -> {
                if (offset > size) {
                    throw new JobException(new Failure.OffsetOutOfRange(offset, size));
                }
                if (offset < earliest) {
                    throw new JobException(new Failure.OutputTruncated(offset, earliest));
                }
                yield offset;
            }
            case OutputQuery.From.TailBytes(long count) -> Math.max(earliest, size - count);
            case OutputQuery.From.TailLines(long count) -> beginOfLastLines(count, earliest, size);
        };
    }

    /** Reads backwards until {@code count} line ends were passed; the one that ends the output ends its last line. */
    private long beginOfLastLines(long count, long earliest, long size) throws IOException {
        if (count == 0) {
            return size;
        }
        ByteBuffer block = buffers.take();
        try {
            long toPass = count;
            for (long blockEnd = size; blockEnd > earliest; ) {
                long blockBegin = Math.max(earliest, blockEnd - block.capacity());
                try {
                    files.read(query.view(), blockBegin, blockEnd, false, block.clear());
                } catch (JobException fellBehind) {
                    return blockEnd;
                }
                for (int i = block.position() - 1; i >= 0; i--) {
                    boolean lastByte = blockBegin + i == size - 1;
                    if (block.get(i) == '\n' && !lastByte && --toPass == 0) {
                        return blockBegin + i + 1;
                    }
                }
                blockEnd = blockBegin;
            }
            return earliest;
        } finally {
            buffers.give(block);
        }
    }

    @Override
    public OutputEvent next(Duration maxWait) throws InterruptedException {
        enter();
        try {
            return nextEvent(OutputReader.deadline(maxWait));
        } finally {
            leave();
        }
    }

    private OutputEvent nextEvent(long deadline) throws InterruptedException {
        while (true) {
            if (closed || supervised.snapshot().isClosed()) {
                throw new JobException(new Failure.Closed());
            }
            Job job = supervised.job();
            long size = job.output().bytes(query.view());
            if (position < Math.min(size, end)) {
                OutputEvent.@Nullable Chunk chunk = read(Math.min(size, end));
                if (chunk != null) {
                    return chunk;
                }
                continue;
            }
            releaseBuffer();
            if (job.state().isFinal() && !job.output().complete()) {
                throw new JobException(
                        new Failure.Internal("the end of the output of job " + job.id() + " is not known"));
            }
            if (job.state().isFinal() && position >= size) {
                return new OutputEvent.End(OutputEvent.End.Reason.COMPLETE, position, job);
            }
            if (position >= end) {
                return new OutputEvent.End(endReason, position, job);
            }
            if (!waiter.await(job, deadline)) {
                return new OutputEvent.Idle(position);
            }
        }
    }

    /** Returns null if the reader has moved to a later position instead. */
    private OutputEvent.@Nullable Chunk read(long published) throws InterruptedException {
        try {
            return readOrMove(published);
        } catch (ClosedByInterruptException interrupted) {
            reopen();
            throw new InterruptedException();
        } catch (IOException e) {
            throw new JobException(
                    new Failure.Internal(
                            "reading the output of job " + supervised.job().id() + " at " + position + ": " + e),
                    e);
        }
    }

    private OutputEvent.@Nullable Chunk readOrMove(long published) throws IOException {
        ByteBuffer target = buffer == null ? buffers.take() : buffer.clear();
        buffer = target;
        OutputFiles.Origin origin;
        try {
            origin = files.read(query.view(), position, published, true, target);
        } catch (JobException fellBehind) {
            long earliest = files.earliest(query.view());
            if (begun || query.from() instanceof OutputQuery.From.Offset || earliest <= position) {
                throw fellBehind;
            }
            position = earliest; // who asked for the tail and has got nothing yet has what is there now
            return null;
        }
        begun = true;
        target.flip();
        OutputEvent.Chunk chunk =
                new OutputEvent.Chunk(position, origin.stream(), origin.time(), target.asReadOnlyBuffer());
        position += target.remaining();
        return chunk;
    }

    /** The interrupt closed a channel; the reader stays usable. */
    private void reopen() {
        Thread.interrupted();
        closeFiles();
        try {
            files = openFiles();
        } catch (IOException e) {
            Thread.currentThread().interrupt();
            throw new JobException(new Failure.Internal("opening the output again: " + e), e);
        }
    }

    private void releaseBuffer() {
        if (buffer != null) {
            buffers.give(buffer);
            buffer = null;
        }
    }

    private void enter() {
        synchronized (this) {
            if (closed) {
                throw new JobException(new Failure.Closed());
            }
            reading = true;
        }
    }

    private void leave() {
        boolean free;
        synchronized (this) {
            reading = false;
            free = closed;
        }
        if (free) {
            closeFiles();
        }
    }

    @Override
    public void close() {
        boolean free;
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            free = !reading;
        }
        waiter.close();
        if (free) {
            closeFiles();
        }
    }

    /** The buffer does not go back to the pool: its last reader may still look at it. */
    private void closeFiles() {
        try {
            files.close();
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, "closing the output of a job", e);
        }
    }

    /** Buffers of {@link #CHUNK_BYTES}, shared by all followers of an engine: as many as are reading at one moment, and a few to spare. */
    static final class BufferPool {
        private static final int SPARE = 16;

        private final Queue<ByteBuffer> spare = new ConcurrentLinkedQueue<>();

        ByteBuffer take() {
            ByteBuffer buffer = spare.poll();
            return buffer == null ? ByteBuffer.allocateDirect(CHUNK_BYTES) : buffer;
        }

        void give(ByteBuffer buffer) {
            if (spare.size() < SPARE) {
                spare.offer(buffer.clear());
            }
        }
    }
}
