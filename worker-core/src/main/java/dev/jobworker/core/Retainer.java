package dev.jobworker.core;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Comparator;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Deletes final jobs that {@link Retention} does not keep. One virtual thread, "jobworker-retention", sleeps until a job ends or the oldest one
 * is too old.
 */
final class Retainer implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(Retainer.class.getName());

    private final Retention bounds;
    private final InstantSource clock;
    private final Consumer<SupervisedJob> delete;
    private final Thread thread = Thread.ofVirtual().name("jobworker-retention").unstarted(this::run);

    /** Guards what follows. Not held while a job is deleted. */
    private final ReentrantLock lock = new ReentrantLock();

    private final Condition news = lock.newCondition();
    private final TreeSet<Kept> kept =
            new TreeSet<>(Comparator.comparing(Kept::endTime).thenComparing(Kept::id));
    private long keptBytes;
    private boolean closed;
    /** Counts what came and went, so that a deletion that failed is tried again when something has changed since it was begun. */
    private long changes;

    private long triedAt;
    private long stuckAt = -1;

    private record Kept(JobId id, Instant endTime, long bytes, SupervisedJob job) {
        static Kept of(SupervisedJob supervised) {
            Job job = supervised.job();
            Instant endTime = switch (job.status()) {
                case JobStatus.Ended ended -> ended.endTime();
                case JobStatus.Lost lost -> lost.foundTime();
                case JobStatus.Running _, JobStatus.Stopping _ ->
                    throw new IllegalStateException("job " + job.id() + " runs");
            };
            long bytes = job.output().combinedBytes() - job.output().earliestOffset();
            return new Kept(job.id(), endTime, bytes, supervised);
        }
    }

    /**
     * @param delete removes a final job, and tells {@link #deleted}
     */
    Retainer(Retention bounds, InstantSource clock, Consumer<SupervisedJob> delete) {
        this.bounds = bounds;
        this.clock = clock;
        this.delete = delete;
    }

    void start() {
        thread.start();
    }

    /** Enters a job that is final now. */
    void ended(SupervisedJob job) {
        Kept entry = Kept.of(job);
        lock.lock();
        try {
            if (!job.isDeleted() && kept.add(entry)) { // who waits for the end may be faster than this
                keptBytes += entry.bytes;
                changes++;
                news.signal();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Forgets a job that {@linkplain SupervisedJob#isDeleted is deleted}. */
    void deleted(SupervisedJob job) {
        Kept entry = Kept.of(job);
        lock.lock();
        try {
            if (kept.remove(entry)) {
                keptBytes -= entry.bytes;
                changes++;
                news.signal();
            }
        } finally {
            lock.unlock();
        }
    }

    private void run() {
        try {
            for (Kept next = awaitSurplus(); next != null; next = awaitSurplus()) {
                try {
                    delete.accept(next.job);
                } catch (JobException e) {
                    // Somebody else may be faster.
                    if (!(e.failure() instanceof Failure.NoSuchJob)) {
                        LOG.log(System.Logger.Level.WARNING, "deleting job " + next.id, e);
                    }
                    setStuck();
                }
            }
        } catch (InterruptedException nobodyDoesThat) {
            throw new IllegalStateException(nobodyDoesThat);
        }
    }

    private void setStuck() {
        lock.lock();
        try {
            stuckAt = triedAt;
        } finally {
            lock.unlock();
        }
    }

    /** Returns the next job to delete, null at the close. */
    private @Nullable Kept awaitSurplus() throws InterruptedException {
        lock.lock();
        try {
            while (!closed) {
                if (kept.isEmpty() || stuckAt == changes) {
                    news.await();
                    continue;
                }
                Kept oldest = kept.first();
                Duration left = Duration.between(clock.instant(), oldest.endTime.plus(bounds.maxAge()));
                // Whatever its size, the result of the last job is there for who waits for it.
                boolean tooLarge = keptBytes > bounds.maxBytes() && kept.size() > 1;
                if (tooLarge || kept.size() > bounds.maxJobs() || !left.isPositive()) {
                    triedAt = changes;
                    return oldest;
                }
                news.await(left.toMillis() + 1, TimeUnit.MILLISECONDS);
            }
            return null;
        } finally {
            lock.unlock();
        }
    }

    /** Returns when nothing is being deleted any more. */
    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
            news.signal();
        } finally {
            lock.unlock();
        }
        Threads.joinUninterruptibly(thread);
    }
}
