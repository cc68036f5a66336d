package dev.jobworker.core;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Set;

/**
 * One reader's own open files of a job's output: the bytes, and the index that says whose they are (PROTOCOL.md, "Files").
 *
 * <p>A log that keeps its tail loses its head while it is read: first the records, which then are zeros, then the bytes. So whoever has read bytes
 * looks whether the record before theirs is still there.
 *
 * <p>Own, because an interrupt closes the channel that the thread reads from. For one thread at a time.
 */
final class OutputFiles implements AutoCloseable {
    private static final int RECORD_BYTES = 32;
    private static final int RECORDS_A_READ = 64;
    /** A write of 32 bytes is over long before. */
    private static final int MAX_TORN_READS = 100_000;

    private static final long STDERR_BIT = 1L << 63;

    private final boolean losesHead;
    private final FileChannel output;
    private final FileChannel index;
    /** The records that were read last, from number {@code firstBuffered} on. */
    private final ByteBuffer records =
            ByteBuffer.allocate(RECORDS_A_READ * RECORD_BYTES).order(ByteOrder.LITTLE_ENDIAN);

    private long firstBuffered;
    /** Where the last read ended: the next one most often begins there. */
    private long nextRecord;

    /** Opens the files of a job with this policy. */
    OutputFiles(JobFolder folder, OutputPolicy policy) throws IOException {
        losesHead = policy.atLimit() == OutputPolicy.AtLimit.KEEP_TAIL;
        output = FileChannel.open(folder.output(), READ);
        try {
            index = FileChannel.open(folder.index(), READ);
        } catch (IOException e) {
            output.close();
            throw e;
        }
    }

    /** Whose the first byte of a read was, and when it arrived. */
    record Origin(StdStream stream, Instant time) {}

    /** A record of the index: where its bytes end in each view. */
    private record Entry(long stdoutEnd, long stderrEnd, long micros, StdStream stream) {
        static final Entry NONE = new Entry(0, 0, 0, StdStream.STDOUT);

        /** Whether this later record may be in one chunk with {@code first}. Another stream has no bytes in a view of one. */
        boolean isOneWith(Entry first, OutputView view) {
            return stream != first.stream
                    ? view != OutputView.COMBINED
                    : micros - first.micros < OutputEvent.Chunk.TIME_SPAN_MICROS;
        }

        long end(OutputView view) {
            return switch (view) {
                case COMBINED -> stdoutEnd + stderrEnd;
                case STDOUT -> stdoutEnd;
                case STDERR -> stderrEnd;
            };
        }
    }

    /**
     * Reads bytes of {@code view} from {@code offset} into {@code target}, as many as fit and lie before {@code end}, which must have been
     * published.
     *
     * @param oneOrigin whether to stop where the stream changes or the time moves on
     * @throws JobException with {@link Failure.OutputTruncated} if they are no longer kept; then some of {@code target} was written to
     */
    Origin read(OutputView view, long offset, long end, boolean oneOrigin, ByteBuffer target) throws IOException {
        long number = seek(view, offset);
        if (!losesHead) {
            return read(number, view, offset, end, oneOrigin, target);
        }
        checkKept(number, view, offset);
        try {
            Origin origin = read(number, view, offset, end, oneOrigin, target);
            checkKept(number, view, offset);
            return origin;
        } catch (EOFException fellBehind) {
            checkKept(number, view, offset);
            throw fellBehind;
        }
    }

    /** The first record has none before it, but is never dropped without its successor. */
    private void checkKept(long number, OutputView view, long offset) throws IOException {
        records.limit(0);
        if (entry(Math.max(0, number - 1)).end(OutputView.COMBINED) == 0) {
            throw new JobException(new Failure.OutputTruncated(offset, earliest(view)));
        }
    }

    /** Returns the first offset of {@code view} that is kept. */
    long earliest(OutputView view) throws IOException {
        if (!losesHead) {
            return 0;
        }
        records.limit(0);
        long count = index.size() / RECORD_BYTES;
        long low = 0;
        long high = count;
        while (low < high) {
            long middle = (low + high) >>> 1;
            if (entry(middle).end(OutputView.COMBINED) > 0) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        // Of those that are not zeros the first one is the last whose bytes are gone, if any are.
        return low == 0 || low == count ? 0 : entry(low).end(view);
    }

    private Origin read(long firstNumber, OutputView view, long offset, long end, boolean oneOrigin, ByteBuffer target)
            throws IOException {
        long number = firstNumber;
        Entry before = number == 0 ? Entry.NONE : entry(number - 1);
        Entry first = entry(number);
        Entry current = first;
        long position = offset;
        long runStart = -1;
        long runEnd = -1;
        while (true) {
            long from = Math.max(position, before.end(view));
            long to = Math.min(current.end(view), Math.min(end, position + target.remaining() - (runEnd - runStart)));
            if (to > from) {
                long fileFrom = before.end(OutputView.COMBINED) + (from - before.end(view));
                if (fileFrom != runEnd) {
                    copy(runStart, runEnd, target);
                    runStart = fileFrom;
                    runEnd = fileFrom;
                }
                runEnd += to - from;
                position = to;
            }
            boolean full = target.remaining() == runEnd - runStart;
            if (position == end || full || position < current.end(view)) {
                break;
            }
            Entry next = entry(number + 1);
            if (oneOrigin && !next.isOneWith(first, view)) {
                break;
            }
            before = current;
            current = next;
            number++;
        }
        copy(runStart, runEnd, target);
        nextRecord = number;
        return new Origin(first.stream, Instant.EPOCH.plus(first.micros, ChronoUnit.MICROS));
    }

    /** Returns the number of the first record that ends after {@code offset}. */
    private long seek(OutputView view, long offset) throws IOException {
        records.limit(0);
        long count = index.size() / RECORD_BYTES;
        for (long guess = nextRecord; guess <= nextRecord + 1 && guess < count; guess++) {
            boolean beginsBefore = guess == 0 || entry(guess - 1).end(view) <= offset;
            if (beginsBefore && entry(guess).end(view) > offset) {
                return guess;
            }
        }
        long low = 0;
        long high = count - 1;
        while (low < high) {
            long middle = (low + high) >>> 1;
            if (entry(middle).end(view) > offset) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    private Entry entry(long number) throws IOException {
        long buffered = records.limit() / RECORD_BYTES;
        if (number < firstBuffered || number >= firstBuffered + buffered) {
            fill(number);
        }
        for (int attempt = 0; attempt < MAX_TORN_READS; attempt++) {
            int at = (int) (number - firstBuffered) * RECORD_BYTES;
            long stdoutEnd = records.getLong(at);
            long stderrEnd = records.getLong(at + 8);
            long micros = records.getLong(at + 16);
            long tagged = records.getLong(at + 24);
            if ((tagged & ~STDERR_BIT) == stdoutEnd + stderrEnd) {
                StdStream stream = (tagged & STDERR_BIT) != 0 ? StdStream.STDERR : StdStream.STDOUT;
                return new Entry(stdoutEnd, stderrEnd, micros, stream);
            }
            // Caught in the middle of the shim's update of the last record.
            Thread.onSpinWait();
            fill(number);
        }
        throw new IOException("record " + number + " of the output index is damaged");
    }

    private void fill(long number) throws IOException {
        records.clear();
        int read = index.read(records, number * RECORD_BYTES);
        if (read < RECORD_BYTES) {
            records.limit(0);
            throw new EOFException("the output index has no record " + number);
        }
        records.flip();
        firstBuffered = number;
    }

    private void copy(long from, long to, ByteBuffer target) throws IOException {
        int limit = target.limit();
        target.limit(target.position() + (int) (to - from));
        long at = from;
        while (target.hasRemaining()) {
            int read = output.read(target, at);
            if (read < 0) {
                throw new EOFException("the output ends at " + at + ", before its published size");
            }
            at += read;
        }
        target.limit(limit);
    }

    /**
     * Makes index and output agree after the death of a shim and returns their sizes: a torn record is dropped, bytes without a record get one
     * of the stream that wrote last.
     */
    static OutputInfo repair(JobFolder folder, OutputPolicy policy) throws IOException {
        OutputInfo repaired = repairIndex(folder);
        try (OutputFiles files = new OutputFiles(folder, policy)) {
            long earliest = files.earliest(OutputView.COMBINED);
            return new OutputInfo(
                    repaired.stdoutBytes(),
                    repaired.stderrBytes(),
                    earliest,
                    earliest + repaired.truncatedBytes(),
                    true);
        }
    }

    private static OutputInfo repairIndex(JobFolder folder) throws IOException {
        try (FileChannel output = FileChannel.open(folder.output(), Set.of(CREATE, READ, WRITE));
                FileChannel index = FileChannel.open(folder.index(), Set.of(CREATE, READ, WRITE))) {
            long size = output.size();
            long count = index.size() / RECORD_BYTES;
            ByteBuffer record = ByteBuffer.allocate(RECORD_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            long stdout = 0;
            long stderr = 0;
            boolean stderrLast = false;
            long micros = 0;
            for (; count > 0; count--) {
                index.read(record.clear(), (count - 1) * RECORD_BYTES);
                long combined = record.getLong(24) & ~STDERR_BIT;
                // A record of zeros is one that a power loss has left.
                if (combined > 0 && record.getLong(0) + record.getLong(8) == combined && combined <= size) {
                    stdout = record.getLong(0);
                    stderr = record.getLong(8);
                    micros = record.getLong(16);
                    stderrLast = (record.getLong(24) & STDERR_BIT) != 0;
                    break;
                }
            }
            index.truncate(count * RECORD_BYTES);
            long tail = size - stdout - stderr;
            long wholeStdout = stderrLast ? stdout : stdout + tail;
            long wholeStderr = stderrLast ? stderr + tail : stderr;
            if (tail > 0) {
                record.clear()
                        .putLong(wholeStdout)
                        .putLong(wholeStderr)
                        .putLong(micros)
                        .putLong(size | (stderrLast ? STDERR_BIT : 0))
                        .flip();
                try {
                    index.write(record, count * RECORD_BYTES);
                } catch (IOException full) {
                    return new OutputInfo(stdout, stderr, 0, tail, true);
                }
            }
            return new OutputInfo(wholeStdout, wholeStderr, 0, 0, true);
        }
    }

    @Override
    public void close() throws IOException {
        try (output;
                index) {
            nextRecord = 0;
        }
    }
}
