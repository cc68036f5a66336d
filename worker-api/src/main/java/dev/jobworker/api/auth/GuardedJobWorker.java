package dev.jobworker.api.auth;

import static dev.jobworker.api.auth.GuardedCall.check;

import dev.jobworker.api.CallerIdentity;
import dev.jobworker.api.JobPage;
import dev.jobworker.api.JobQuery;
import dev.jobworker.api.JobWorker;
import dev.jobworker.api.ServerInfo;
import dev.jobworker.api.WorkerException;
import dev.jobworker.core.Failure;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobEngine;
import dev.jobworker.core.JobException;
import dev.jobworker.core.JobFilter;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.core.Signal;
import dev.jobworker.core.StartRequest;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The engine as one identity may use it: every method is one {@link GuardedCall}. */
final class GuardedJobWorker implements JobWorker {
    /** Of command lines in one page of a list: what is more comes in the next. Keeps answers below the 4 MiB that gRPC clients take by default. */
    private static final long MAX_PAGE_CHARACTERS = 1 << 20;

    private final JobWorkerAccess access;
    private final JobEngine engine;
    private final Identity caller;
    private final Supplier<UUID> callIds;

    GuardedJobWorker(JobWorkerAccess access, JobEngine engine, Identity caller, Supplier<UUID> callIds) {
        this.access = access;
        this.engine = engine;
        this.caller = caller;
        this.callIds = callIds;
    }

    @Override
    public Job start(UUID requestId, JobSpec spec) {
        GuardedCall call = new GuardedCall(access, engine, caller, Action.START, requestId, null, spec);
        return call.perform(GuardedJobWorker::nothingToCheck, () -> {
            Job job = engine.start(new StartRequest(
                    caller.spiffeId(), requestId, spec, call.limits().runningJobs()));
            call.audit(AuditEvent.Decision.STARTED, job.id());
            return job;
        });
    }

    @Override
    public Job get(JobId id) {
        return call(Action.GET, id).perform(GuardedJobWorker::nothingToCheck, () -> engine.get(id));
    }

    @Override
    public Job await(JobId id, Duration maxWait) throws InterruptedException {
        return call(Action.AWAIT, id)
                .<Job, InterruptedException>perform(
                        () -> check("wait_terminal", !maxWait.isNegative(), "is negative: " + maxWait), () -> {
                            Duration admitted = access.admittedFor(caller).plus(GuardedReader.TICK);
                            Duration wait = maxWait.compareTo(MAX_WAIT) > 0 ? MAX_WAIT : maxWait;
                            Job job = engine.await(id, admitted.compareTo(wait) < 0 ? admitted : wait);
                            Duration _ = access.admittedFor(caller);
                            return job;
                        });
    }

    /** A caller who sees only its own jobs and asks for another owner's gets none, as from an owner who has none. */
    @Override
    public JobPage list(JobQuery query) {
        GuardedCall call = call(Action.LIST, null);
        boolean ownOnly = Action.LIST.scope(call.role()) == Scope.OWN;
        JobFilter filter = ownOnly && query.filter().owner() == null
                ? new JobFilter(
                        query.filter().states(),
                        caller.spiffeId(),
                        query.filter().labels())
                : query.filter();
        return call.perform(
                () -> checkPage(query, filter),
                () -> ownOnly && !caller.spiffeId().equals(filter.owner())
                        ? new JobPage(List.of(), "")
                        : page(query, filter));
    }

    private static void checkPage(JobQuery query, JobFilter filter) {
        check(
                "page_size",
                query.pageSize() >= 0 && query.pageSize() <= JobQuery.MAX_PAGE_SIZE,
                "is not between 0 and " + JobQuery.MAX_PAGE_SIZE + ": " + query.pageSize());
        if (!query.pageToken().isEmpty()) {
            PageToken.parse(query.pageToken(), filter);
        }
    }

    private JobPage page(JobQuery query, JobFilter filter) {
        int size = query.pageSize() == 0 ? JobQuery.DEFAULT_PAGE_SIZE : query.pageSize();
        JobId before = query.pageToken().isEmpty() ? null : PageToken.parse(query.pageToken(), filter);
        List<Job> jobs = engine.list(filter, before, size + 1);
        int fitting = fitting(jobs);
        if (jobs.size() <= Math.min(size, fitting)) {
            return new JobPage(jobs, "");
        }
        List<Job> page = jobs.subList(0, Math.min(size, fitting));
        return new JobPage(page, PageToken.of(page.getLast().id(), filter));
    }

    /** Returns how many of the jobs go into one page, at least one. */
    private static int fitting(List<Job> jobs) {
        long characters = 0;
        for (int i = 0; i < jobs.size(); i++) {
            JobSpec spec = jobs.get(i).spec();
            characters += spec.argv().stream().mapToLong(String::length).sum()
                    + spec.environment().keySet().stream()
                            .mapToLong(String::length)
                            .sum()
                    + spec.labels().values().stream().mapToLong(String::length).sum();
            if (i > 0 && characters > MAX_PAGE_CHARACTERS) {
                return i;
            }
        }
        return jobs.size();
    }

    @Override
    public Job stop(JobId id, @Nullable Duration gracePeriod) {
        return call(Action.STOP, id)
                .perform(
                        () -> check(
                                "grace_period",
                                gracePeriod == null
                                        || (!gracePeriod.isNegative()
                                                && gracePeriod.compareTo(JobSpec.MAX_DURATION) <= 0),
                                "is not between 0 and ten years: " + gracePeriod),
                        () -> engine.stop(id, gracePeriod, caller.spiffeId()));
    }

    @Override
    public Job signal(JobId id, Signal signal) {
        return call(Action.SIGNAL, id).perform(GuardedJobWorker::nothingToCheck, () -> engine.signal(id, signal));
    }

    @Override
    public void delete(JobId id) {
        call(Action.DELETE, id).perform(GuardedJobWorker::nothingToCheck, () -> {
            engine.delete(id);
            return id;
        });
    }

    @Override
    public Job writeInput(JobId id, @Nullable Long offset, ByteBuffer bytes, boolean end) throws InterruptedException {
        Interruption interruption = new Interruption();
        try (InputWriter input = input(id);
                AdmissionWatch _ = new AdmissionWatch(() -> access.admittedFor(caller), interruption::interrupt)) {
            return input.write(offset, bytes, end);
        } catch (InterruptedException interrupted) {
            WorkerException noLongerAdmitted = interruption.end();
            if (noLongerAdmitted != null) {
                throw noLongerAdmitted;
            }
            throw interrupted;
        } finally {
            WorkerException _ = interruption.end();
        }
    }

    /** Opens the input of a job for any number of writes, which are one call. */
    InputWriter input(JobId id) {
        GuardedCall call = call(Action.WRITE_INPUT, id);
        StreamQuota.Permit permit = call.perform(GuardedJobWorker::nothingToCheck, () -> {
            if (!engine.get(id).spec().streamInput()) {
                throw new JobException(new Failure.InputClosed(id)); // even for no bytes at all
            }
            return access.streams().acquire(caller.spiffeId(), call.limits().streams());
        });
        return new InputWriter(engine, id, () -> access.admittedFor(caller), call, permit);
    }

    @Override
    public OutputReader output(JobId id, OutputQuery query) {
        GuardedCall call = call(Action.OUTPUT, id);
        return call.perform(GuardedJobWorker::nothingToCheck, () -> {
            StreamQuota.Permit permit =
                    access.streams().acquire(caller.spiffeId(), call.limits().streams());
            try {
                return new GuardedReader(engine.output(id, query), () -> access.admittedFor(caller), () -> {
                    if (permit.release()) {
                        call.audit(AuditEvent.Decision.CLOSED, id);
                    }
                });
            } catch (RuntimeException failed) {
                permit.release();
                throw failed;
            }
        });
    }

    @Override
    public CallerIdentity whoami() {
        GuardedCall call = call(Action.WHOAMI, null);
        Role role = call.role();
        return call.perform(
                GuardedJobWorker::nothingToCheck,
                () -> new CallerIdentity(caller.spiffeId(), role == null ? "" : role.label(), caller.notAfter()));
    }

    @Override
    public ServerInfo serverInfo() {
        return call(Action.SERVER_INFO, null)
                .perform(
                        GuardedJobWorker::nothingToCheck,
                        () -> new ServerInfo(
                                access.version(), access.startTime(), engine.runningJobs(), engine.retainedJobs()));
    }

    /** Frees nothing: a reader is closed by who opened it. */
    @Override
    public void close() {}

    private static void nothingToCheck() {}

    private GuardedCall call(Action action, @Nullable JobId id) {
        return new GuardedCall(access, engine, caller, action, callIds.get(), id, null);
    }
}
