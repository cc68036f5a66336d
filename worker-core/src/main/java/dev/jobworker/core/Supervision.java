package dev.jobworker.core;

import java.io.IOException;
import java.time.InstantSource;
import java.util.Collection;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/**
 * All jobs of an engine: how one is entered when it was just started, when it is found on disk, and how its end is found when its shim leaves.
 */
final class Supervision implements AutoCloseable {
    private final StateDirectory state;
    private final Admission admission;
    private final Recovery recovery;
    private final ShimLoop shims = new ShimLoop();
    private final NavigableMap<JobId, SupervisedJob> jobs = new ConcurrentSkipListMap<>();

    /** Finds the ends of jobs, on one virtual thread each: it reads files, and may have to wait for a sweep. */
    private final ExecutorService endings = Executors.newThreadPerTaskExecutor(
            Thread.ofVirtual().name("jobworker-ending-", 0).factory());

    Supervision(StateDirectory state, Admission admission, InstantSource clock) throws IOException {
        this.state = state;
        this.admission = admission;
        recovery = new Recovery(clock);
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

    boolean remove(SupervisedJob job) {
        return jobs.remove(job.job().id(), job);
    }

    /** Enters a job that has just been started and counted. It is visible when a stop can reach its shim. */
    SupervisedJob enterStarted(JobId id, JobFolder folder, JobRecord record, JobStatus.Running started) {
        SupervisedJob job = supervise(id, folder, record, started, OutputInfo.EMPTY);
        try {
            job.linkTo(shims.connect(state.socket(id), job));
        } catch (IOException hasLeft) {
            job.ended();
        }
        jobs.put(id, job);
        return job;
    }

    /**
     * Enters the job in {@code folder}: running, ended or lost. Returns null, and removes the folder, if nothing of it was ever executed.
     *
     * @throws IOException if the folder cannot be understood; it is left as it is
     */
    @Nullable
    SupervisedJob takeUp(JobId id, JobFolder folder) throws IOException {
        Optional<JobRecord> record = folder.readJob();
        if (record.isEmpty()) {
            if (folder.wasStarted() || folder.readExit().isPresent()) {
                throw new IOException("job.json is missing or not readable by this version");
            }
            folder.delete();
            return null;
        }
        SupervisedJob job = switch (recovery.find(folder, record.get(), () -> adopt(id, folder, record.get()))) {
            case Recovery.Found.NeverStarted _ -> null;
            case Recovery.Found.Over(ExitRecord exit) ->
                supervise(id, folder, record.get(), exit.status(), exit.output());
            case Recovery.Found.Alive(SupervisedJob alive) -> alive;
        };
        if (job == null) {
            folder.delete();
        } else {
            jobs.put(id, job);
        }
        return job;
    }

    /** Connects to the shim of a job that another worker started. */
    private SupervisedJob adopt(JobId id, JobFolder folder, JobRecord record) throws IOException {
        // Its pid and time of start are not known until the shim says them, which is waited for.
        SupervisedJob job =
                supervise(id, folder, record, new JobStatus.Running(0, record.createTime()), OutputInfo.EMPTY);
        // Counted first: the end of the job uncounts it, and may come at once.
        admission.enterAnyway(record.owner());
        try {
            job.linkTo(shims.connect(state.socket(id), job));
        } catch (IOException nobodyListens) {
            admission.leave(record.owner());
            throw nobodyListens;
        }
        return job;
    }

    private SupervisedJob supervise(JobId id, JobFolder folder, JobRecord record, JobStatus status, OutputInfo output) {
        Job job = new Job(id, record.owner(), record.spec().withoutSecrets(), record.createTime(), status, output);
        return new SupervisedJob(job, record, folder, supervised -> endings.execute(() -> end(supervised)));
    }

    private void end(SupervisedJob job) {
        ExitRecord record = recovery.findEnd(job.folder());
        admission.leave(job.job().owner());
        job.end(record.status(), record.output());
    }

    /** Lets go of all shims and ends all waiting. */
    @Override
    public void close() {
        shims.close();
        jobs.values().forEach(SupervisedJob::closeEngine);
        endings.close();
    }
}
