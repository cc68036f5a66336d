package dev.jobworker.core;

import static java.lang.System.Logger.Level.WARNING;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The worker's end of the launcher process: start requests go down one pipe, replies come up another. A launcher that was killed is replaced
 * at the next start; its jobs are not touched.
 *
 * <p>Guarded by {@code requests}: the process, and the pipe while one frame is written to it (the one lock that is held over I/O: frames must
 * not interleave, and the launcher reads as fast as it forks). Replies are read by one thread a launcher, "jobworker-launcher", which ends
 * with it.
 */
final class Launcher implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(Launcher.class.getName());
    private static final int REPLY_BYTES = 32;

    private final Path helper;
    private final Path log;
    private final AtomicLong startIds = new AtomicLong();
    private final ReentrantLock requests = new ReentrantLock();
    private @Nullable Connection current;
    private boolean closed;

    /**
     * @param helper the program
     * @param log where it says what it cannot say in a reply. Not the worker's own standard error: the launcher may outlive the worker, and whoever
     *     reads that to its end would wait for the last job
     */
    Launcher(Path helper, Path log) {
        this.helper = helper;
        this.log = log;
    }

    /** What became of a start. */
    sealed interface Reply {
        /** The program was executed. */
        record Started(int pid, Instant startTime) implements Reply {}

        /** It was not. */
        record Failed(ExecStage stage, int errno) implements Reply {}
    }

    /** Makes the frame of a start that will have the given id. */
    interface Frame {
        byte[] encode(long startId);
    }

    /** Makes sure that a launcher runs. */
    void ensureRunning() throws IOException {
        requests.lock();
        try {
            connection();
        } finally {
            requests.unlock();
        }
    }

    /** Asks for a start and waits for the reply; empty if the launcher died before it came, so that nobody knows. */
    Optional<Reply> start(Frame frame, Runnable sent) throws IOException {
        long startId = startIds.incrementAndGet();
        byte[] bytes = frame.encode(startId);
        CompletableFuture<Optional<Reply>> reply;
        requests.lock();
        try {
            reply = connection().send(startId, bytes);
        } finally {
            requests.unlock();
        }
        sent.run();
        return reply.join();
    }

    private Connection connection() throws IOException {
        if (closed) {
            throw new JobException(new Failure.Closed());
        }
        if (current == null || current.ended) {
            Process process = new ProcessBuilder(helper.toString(), "launcher")
                    .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()))
                    .start();
            current = new Connection(process);
        }
        return current;
    }

    /** Lets the launcher go: it ends when the last of its jobs has. */
    @Override
    public void close() {
        requests.lock();
        try {
            closed = true;
            if (current != null) {
                current.process.getOutputStream().close();
            }
        } catch (IOException alreadyGone) {
            LOG.log(System.Logger.Level.DEBUG, "closing the pipe to the launcher", alreadyGone);
        } finally {
            requests.unlock();
        }
    }

    /** One launcher process. */
    private static final class Connection {
        private final Process process;
        private final Map<Long, CompletableFuture<Optional<Reply>>> pending = new ConcurrentHashMap<>();
        private volatile boolean ended;

        Connection(Process process) {
            this.process = process;
            Thread.ofPlatform().name("jobworker-launcher").daemon().start(this::readReplies);
        }

        CompletableFuture<Optional<Reply>> send(long startId, byte[] frame) {
            CompletableFuture<Optional<Reply>> reply = new CompletableFuture<>();
            pending.put(startId, reply);
            try {
                OutputStream pipe = process.getOutputStream();
                pipe.write(frame);
                pipe.flush();
            } catch (IOException launcherDied) {
                ended = true;
            }
            if (ended) {
                reply.complete(Optional.empty());
            }
            return reply;
        }

        private static Reply decode(ByteBuffer reply) {
            int pid = reply.getInt();
            int stage = reply.getInt();
            int errno = reply.getInt();
            int _ = reply.getInt();
            return pid > 0
                    ? new Reply.Started(pid, ShimStatus.time(reply.getLong()))
                    : new Reply.Failed(ExecStage.of(stage), errno);
        }

        private void readReplies() {
            try (InputStream pipe = process.getInputStream()) {
                while (true) {
                    byte[] bytes = pipe.readNBytes(REPLY_BYTES);
                    if (bytes.length < REPLY_BYTES) {
                        throw new EOFException();
                    }
                    ByteBuffer reply = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
                    var waiting = pending.remove(reply.getLong());
                    if (waiting != null) {
                        waiting.complete(Optional.of(decode(reply)));
                    }
                }
            } catch (IOException end) {
                if (!pending.isEmpty()) {
                    LOG.log(WARNING, "the launcher ended while jobs were being started");
                }
            } finally {
                ended = true;
                pending.values().forEach(reply -> reply.complete(Optional.empty()));
            }
        }
    }
}
