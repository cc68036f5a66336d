package dev.jobworker.core;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Runs jobs and keeps them in a state directory. One engine a directory. Thread-safe.
 *
 * <p>The disk is the truth: each job is kept by a native shim that outlives this JVM; an engine opened later on the same directory finds every job
 * as it is by then.
 *
 * <p>Every method throws {@link JobException}: with {@link Failure.NoSuchJob} if it names a job that does not exist, with {@link Failure.Closed}
 * after {@link #close}.
 */
public final class JobEngine implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(JobEngine.class.getName());

    /** Beyond the grace period of {@code STOP_JOBS}: time for the kills, the last bytes and the records. */
    private static final Duration END_MARGIN = Duration.ofSeconds(15);

    private final EngineOptions options;
    private final Hooks hooks;
    private final StateDirectory state;
    private final Launcher launcher;
    private final Admission admission;
    private final Supervision supervision;
    private final Retainer retainer;
    private final JobStarter starter;
    private final OutputFollower.BufferPool buffers = new OutputFollower.BufferPool();

    /** Shared by calls that need the launcher or a shim, exclusive for {@link #close}, which so waits for those that are under way. */
    private final ReadWriteLock lifecycle = new ReentrantReadWriteLock();

    /** Written under the exclusive lock. */
    private volatile boolean closed;

    /** Opens an engine with {@link EngineOptions#DEFAULTS}. */
    public static JobEngine open(Path stateDirectory) throws IOException {
        return open(stateDirectory, EngineOptions.DEFAULTS);
    }

    /**
     * Opens the engine on {@code stateDirectory}, which is made if it is absent, and takes up every job that is there.
     *
     * @throws IOException if another engine uses the directory, or it cannot be used
     */
    public static JobEngine open(Path stateDirectory, EngineOptions options) throws IOException {
        return open(stateDirectory, options, Hooks.NONE);
    }

    static JobEngine open(Path stateDirectory, EngineOptions options, Hooks hooks) throws IOException {
        StateDirectory state = StateDirectory.open(stateDirectory);
        JobEngine engine;
        try {
            engine = new JobEngine(state, options, hooks);
        } catch (IOException | RuntimeException e) {
            state.close();
            throw e;
        }
        try {
            engine.launcher.ensureRunning();
            engine.recover();
            engine.retainer.start();
            return engine;
        } catch (IOException | RuntimeException e) {
            engine.release();
            throw e;
        }
    }

    private JobEngine(StateDirectory state, EngineOptions options, Hooks hooks) throws IOException {
        this.state = state;
        this.options = options;
        this.hooks = hooks;
        Path helper = hooks.helper();
        launcher = new Launcher(helper == null ? HelperProgram.install(state.helpers()) : helper, state.launcherLog());
        admission = new Admission(options.maxRunningJobs());
        retainer = new Retainer(options.retention(), hooks.clock(), this::remove);
        supervision = new Supervision(state, admission, retainer, hooks);
        starter = new JobStarter(options, hooks, state, launcher, admission, supervision);
    }

    /** Takes up every job, or fails: an engine that does not know a running job would start its request again. */
    private void recover() throws IOException {
        CompletableFuture<?>[] all = state.jobIds().stream()
                .map(id -> supervision
                        .takeUp(id, new JobFolder(state.jobs().resolve(id.toString())))
                        .thenAccept(job -> job.ifPresent(starter::remember)))
                .toArray(CompletableFuture[]::new);
        try {
            CompletableFuture.allOf(all).join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof UncheckedIOException io) {
                throw new IOException(io.getMessage(), io);
            }
            throw e;
        }
        supervision.newestFirst(null).stream()
                .findFirst()
                .ifPresent(newest -> JobId.createAfter(newest.job().id()));
    }

    /**
     * Starts a job and returns it when its program has been executed. An interrupt does not stop it.
     *
     * @throws JobException with {@link Failure.ExecFailed} if it could not be executed: then there is no job, no process and no file
     */
    public Job start(StartRequest request) {
        return whileOpen(() -> starter.start(request).job());
    }

    /** Returns a job as it is now. */
    public Job get(JobId id) {
        return find(id).job();
    }

    private SupervisedJob find(JobId id) {
        checkOpen();
        return supervision
                .find(id)
                .filter(job -> !job.isDeleted())
                .orElseThrow(() -> new JobException(new Failure.NoSuchJob(id)));
    }

    /** Returns at most {@code max} jobs that match, newest first, older than {@code before} if that is given. */
    public List<Job> list(JobFilter filter, @Nullable JobId before, int max) {
        checkOpen();
        return supervision.newestFirst(before).stream()
                .map(SupervisedJob::job)
                .filter(filter::matches)
                .limit(max)
                .toList();
    }

    /** Returns the number of jobs that are not final, with those that are being started. */
    public int runningJobs() {
        return admission.running();
    }

    /** Returns the number of all jobs. */
    public int retainedJobs() {
        return supervision.size();
    }

    /**
     * Orders the end of a job: its stop signal and SIGCONT to its process group, SIGKILL to its whole tree after the grace period, at once if
     * that is zero. Does not wait. Of several orders the earliest deadline holds; the end is the first one's. Does nothing to a final job.
     *
     * @param gracePeriod null for the job's own
     * @return the job as it then is
     */
    public Job stop(JobId id, @Nullable Duration gracePeriod, String requestedBy) {
        if (gracePeriod != null) {
            JobSpec.checkGracePeriod(gracePeriod);
        }
        return whileOpen(() -> {
            SupervisedJob job = find(id);
            job.stop(Cause.Kind.STOP_REQUEST, gracePeriod, requestedBy);
            return job.job();
        });
    }

    /** Sends a signal to the process group of the main process. Does nothing to a final job. */
    public Job signal(JobId id, Signal signal) {
        return whileOpen(() -> {
            SupervisedJob job = find(id);
            job.signal(signal);
            return job.job();
        });
    }

    /**
     * Writes to the standard input of a job that was started with {@link JobSpec#streamInput}. Returns when the job's pipe has taken all, which
     * may be never if the job does not read. For one writer at a time; of several, one after the other is served.
     *
     * <p>Offsets make it safe to repeat a write of which it is not known how far it came, also with another engine: what the pipe has taken is
     * taken once.
     *
     * @param offset where in the input these bytes begin: at most {@link InputInfo#bytes}; what lies before that is skipped. Null: after what was
     *     written before
     * @param end whether the input ends after them
     * @return the job as it then is
     * @throws JobException with {@link Failure.InputClosed} if the job takes no more input, with {@link Failure.OffsetOutOfRange}
     * @throws InterruptedException if the thread is interrupted; some of the bytes may have been taken
     */
    public Job writeInput(JobId id, @Nullable Long offset, ByteBuffer bytes, boolean end) throws InterruptedException {
        return find(id).writeInput(offset, bytes, end);
    }

    /**
     * Opens a reader of the job's output.
     *
     * @throws JobException with {@link Failure.OffsetOutOfRange} or {@link Failure.OutputTruncated} if there is no such offset
     */
    public OutputReader output(JobId id, OutputQuery query) {
        SupervisedJob job = find(id);
        try {
            return Threads.despiteInterrupts(() -> new OutputFollower(job, query, buffers));
        } catch (IOException e) {
            throw new JobException(
                    job.isDeleted()
                            ? new Failure.NoSuchJob(id)
                            : new Failure.Internal("opening the output of job " + id + ": " + e),
                    e);
        }
    }

    /** Waits until the job is final, at most {@code maxWait}, and returns it as it then is. */
    public Job await(JobId id, Duration maxWait) throws InterruptedException {
        return find(id).await(maxWait);
    }

    /** Completes with the final job; exceptionally with {@link JobException} if the engine is closed before. */
    public CompletionStage<Job> onExit(JobId id) {
        return find(id).onExit();
    }

    /**
     * Removes a final job and its output. Who reads the output at this moment reads on to the end, unless the thread is interrupted.
     *
     * @throws JobException with {@link Failure.NotFinal} if it is not final
     */
    public void delete(JobId id) {
        whileOpen(() -> {
            remove(find(id));
            return id;
        });
    }

    private void remove(SupervisedJob job) {
        JobId id = job.job().id();
        if (!job.job().state().isFinal()) {
            throw new JobException(new Failure.NotFinal(id));
        }
        if (!job.beginDeletion()) {
            throw new JobException(new Failure.NoSuchJob(id));
        }
        // Off the books when it is off the disk, not before: its request could start another job while this one is
        // there.
        Optional<Path> discarded;
        try {
            discarded = job.folder().moveAway();
        } catch (IOException e) {
            job.cancelDeletion();
            retainer.ended(job);
            throw JobStarter.storageFailure("removing job " + id, e);
        }
        hooks.faults().accept(FaultPoint.FOLDER_DISCARDED);
        supervision.remove(job);
        retainer.deleted(job);
        starter.forget(job);
        discarded.ifPresent(JobFolder::discard);
    }

    /** Lets go of all jobs, or stops them, as {@link EngineOptions#onClose} says. Ends all waiting calls. Never fails. */
    @Override
    public void close() {
        close(options.onClose());
    }

    /** Closes as {@link #close()}, but with running jobs as {@code onClose} says: for whoever finds that he cannot begin after all. */
    public void close(EngineOptions.OnClose onClose) {
        lifecycle.writeLock().lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
        } finally {
            lifecycle.writeLock().unlock();
        }
        if (onClose == EngineOptions.OnClose.STOP_JOBS) {
            stopJobs();
        }
        release();
    }

    private void release() {
        retainer.close();
        supervision.close();
        launcher.close();
        try {
            state.close();
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, "closing the state directory", e);
        }
    }

    private void stopJobs() {
        List<SupervisedJob> running = supervision.newestFirst(null).stream()
                .filter(job -> !job.job().state().isFinal())
                .toList();
        for (SupervisedJob job : running) {
            try {
                job.stop(Cause.Kind.WORKER_SHUTDOWN, options.closeGracePeriod(), "shutdown of the worker");
            } catch (JobException takesNoOrders) {
                LOG.log(System.Logger.Level.WARNING, "stopping job " + job.job().id(), takesNoOrders);
            }
        }
        long deadline = OutputReader.deadline(options.closeGracePeriod().plus(END_MARGIN));
        try {
            for (SupervisedJob job : running) {
                job.await(Duration.ofNanos(Math.max(0, deadline - System.nanoTime())));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private <T> T whileOpen(Supplier<T> call) {
        lifecycle.readLock().lock();
        try {
            checkOpen();
            return call.get();
        } finally {
            lifecycle.readLock().unlock();
        }
    }

    private void checkOpen() {
        if (closed) {
            throw new JobException(new Failure.Closed());
        }
    }
}
