package dev.jobworker.core;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SocketChannel;
import java.util.Collection;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/**
 * All jobs of an engine: how one is entered when it was just started, when it is found on disk, and how its end is found when its shim leaves.
 */
final class Supervision implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(Supervision.class.getName());

    private final StateDirectory state;
    private final Admission admission;
    private final Hooks hooks;
    private final Retainer retainer;
    private final Recovery recovery;
    private final ShimLoop shims;
    private final NavigableMap<JobId, SupervisedJob> jobs = new ConcurrentSkipListMap<>();

    /** Finds jobs and their ends, on one virtual thread each, which nobody interrupts: it reads files, and may have to wait for a sweep. */
    private final ExecutorService background = Executors.newThreadPerTaskExecutor(
            Thread.ofVirtual().name("jobworker-finding-", 0).factory());

    Supervision(StateDirectory state, Admission admission, Retainer retainer, Hooks hooks) throws IOException {
        this.state = state;
        this.admission = admission;
        this.retainer = retainer;
        this.hooks = hooks;
        recovery = new Recovery(hooks);
        shims = new ShimLoop();
    }

    String bootId() {
        return recovery.bootId();
    }

    Optional<SupervisedJob> find(JobId id) {
        return Optional.ofNullable(jobs.get(id));
    }

    int size() {
        return jobs.size();
    }

    /** Returns the jobs, newest first, older than {@code before} if that is given. */
    Collection<SupervisedJob> newestFirst(@Nullable JobId before) {
        return (before == null ? jobs : jobs.headMap(before, false))
                .descendingMap()
                .values();
    }

    void remove(SupervisedJob job) {
        jobs.remove(job.job().id(), job);
    }

    /**
     * Enters a job that has just been started and counted.
     *
     * @param channel from {@link ShimLoop#open}
     */
    SupervisedJob enterStarted(
            JobId id, JobFolder folder, JobRecord record, JobStatus.Running started, SocketChannel channel) {
        SupervisedJob job = supervise(
                id,
                folder,
                record,
                started,
                OutputInfo.EMPTY,
                new InputInfo(0, record.spec().streamInput()));
        jobs.put(id, job);
        try {
            job.linkTo(shims.connect(channel, state.socket(id), job));
        } catch (IOException hasLeft) {
            job.ended();
        }
        return job;
    }

    /**
     * Enters the job in {@code folder}: running, ended or lost. Empty, and the folder is removed, if nothing of it was ever executed; empty, and
     * it is left as it is, if it cannot be understood. Works in a thread of its own, which an interrupt of the caller does not reach; fails with
     * {@link UncheckedIOException}.
     */
    CompletableFuture<Optional<SupervisedJob>> takeUp(JobId id, JobFolder folder) {
        return CompletableFuture.supplyAsync(
                () -> {
                    hooks.faults().accept(FaultPoint.TAKING_UP);
                    try {
                        return Optional.ofNullable(enterFound(id, folder));
                    } catch (JobFolder.NotUnderstoodException e) {
                        LOG.log(System.Logger.Level.ERROR, "leaving " + folder.path() + " alone: " + e.getMessage());
                        return Optional.empty();
                    } catch (IOException e) {
                        throw new UncheckedIOException("taking up job " + id + ": " + e, e);
                    }
                },
                background);
    }

    private @Nullable SupervisedJob enterFound(JobId id, JobFolder folder) throws IOException {
        Optional<JobRecord> found = folder.readJob();
        if (found.isEmpty()) {
            if (folder.wasStarted() || folder.readExit().isPresent()) {
                throw new JobFolder.NotUnderstoodException("job.json is missing or torn, but the job was started");
            }
            folder.delete();
            return null;
        }
        JobRecord record = found.get();
        SupervisedJob job = switch (recovery.find(
                folder, record.bootId(), record.spec().output(), () -> adopt(id, folder, record))) {
            case Recovery.Found.NeverStarted _ -> null;
            case Recovery.Found.Over(ExitRecord exit) ->
                supervise(id, folder, record, exit.status(), exit.output(), exit.input());
            case Recovery.Found.Alive(SupervisedJob alive) -> alive;
        };
        if (job == null || !folder.exists()) { // its exec failed after it was adopted
            return null;
        }
        jobs.put(id, job);
        if (job.job().state().isFinal()) {
            retainer.ended(job);
        }
        return job;
    }

    /** Connects to the shim of a job that another worker started. */
    private SupervisedJob adopt(JobId id, JobFolder folder, JobRecord record) throws IOException {
        // Its pid and time of start are not known until the shim says them, which is waited for.
        SupervisedJob job = supervise(
                id, folder, record, new JobStatus.Running(0, record.createTime()), OutputInfo.EMPTY, InputInfo.NONE);
        // Counted first: the end of the job uncounts it, and may come at once.
        admission.enterAnyway(record.owner());
        try {
            return link(id, job);
        } catch (IOException nobodyListens) {
            admission.leave(record.owner());
            throw nobodyListens;
        }
    }

    private SupervisedJob link(JobId id, SupervisedJob job) throws IOException {
        job.linkTo(shims.connect(ShimLoop.open(), state.socket(id), job));
        return job;
    }

    private SupervisedJob supervise(
            JobId id, JobFolder folder, JobRecord record, JobStatus status, OutputInfo output, InputInfo input) {
        Job job =
                new Job(id, record.owner(), record.spec().withoutSecrets(), record.createTime(), status, output, input);
        return new SupervisedJob(job, record, folder, supervised -> background.execute(() -> unlinked(supervised)));
    }

    /** Finds out why the connection to a shim ended: most often the job has. */
    private void unlinked(SupervisedJob job) {
        JobId id = job.job().id();
        Recovery.Found found;
        try {
            found = recovery.find(
                    job.folder(), recovery.bootId(), job.job().spec().output(), () -> link(id, job));
        } catch (ClosedSelectorException engineCloses) {
            return;
        } catch (IOException e) {
            LOG.log(System.Logger.Level.ERROR, "finding the end of job " + id, e);
            // What was there is there, but nobody can say that it is all.
            end(
                    job,
                    recovery.lost("its end cannot be read: " + e),
                    job.job().output(),
                    new InputInfo(job.job().input().bytes(), false));
            return;
        }
        switch (found) {
            case Recovery.Found.Over(ExitRecord exit) -> end(job, exit.status(), exit.output(), exit.input());
            case Recovery.Found.NeverStarted _ ->
                end(job, recovery.lost("its program was never executed"), OutputInfo.EMPTY, InputInfo.NONE);
            // Somebody else took its connection for a moment.
            case Recovery.Found.Alive _ -> {}
        }
    }

    private void end(SupervisedJob job, JobStatus status, OutputInfo output, InputInfo input) {
        admission.leave(job.job().owner());
        job.end(status, output, input);
        retainer.ended(job);
    }

    /** Lets go of all shims and ends all waiting. */
    @Override
    public void close() {
        shims.close();
        jobs.values().forEach(SupervisedJob::closeEngine);
        background.close();
    }
}
