package dev.jobworker.core;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.SocketChannel;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.concurrent.CompletionException;

/** Starts jobs, each request once: folder on disk, request to the launcher, reply, supervision. */
final class JobStarter {
    private static final System.Logger LOG = System.getLogger(JobStarter.class.getName());

    private final EngineOptions options;
    private final Hooks hooks;
    private final StateDirectory state;
    private final Launcher launcher;
    private final Admission admission;
    private final Supervision supervision;
    private final Requests<SupervisedJob> requests = new Requests<>();

    JobStarter(
            EngineOptions options,
            Hooks hooks,
            StateDirectory state,
            Launcher launcher,
            Admission admission,
            Supervision supervision) {
        this.options = options;
        this.hooks = hooks;
        this.state = state;
        this.launcher = launcher;
        this.admission = admission;
        this.supervision = supervision;
    }

    SupervisedJob start(StartRequest request) {
        long outputLimit = outputLimit(request.spec());
        String digest = HelperProgram.sha256(JobFolder.canonical(request.spec()));
        return requests.once(
                new Requests.Key(request.owner(), request.requestId()),
                digest,
                () -> launch(request, digest, outputLimit));
    }

    /** Enters a job that was started by an earlier engine. */
    void remember(SupervisedJob job) {
        requests.remember(key(job), job.requestDigest(), job);
    }

    void forget(SupervisedJob job) {
        requests.forget(key(job));
    }

    private static Requests.Key key(SupervisedJob job) {
        return new Requests.Key(job.job().owner(), job.requestId());
    }

    private SupervisedJob launch(StartRequest request, String digest, long outputLimit) {
        admission.enter(request.owner(), request.ownerLimit());
        try {
            return launchAdmitted(request, digest, outputLimit);
        } catch (UncheckedIOException e) {
            admission.leave(request.owner());
            throw new JobException(new Failure.Internal("starting a job: " + e.getMessage()), e);
        } catch (IOException e) {
            admission.leave(request.owner());
            throw storageFailure("preparing the folder of a job", e);
        } catch (RuntimeException | Error e) {
            admission.leave(request.owner());
            throw e;
        }
    }

    private SupervisedJob launchAdmitted(StartRequest request, String digest, long outputLimit) throws IOException {
        // The way to its shim first: a job that runs and cannot be reached would be worse than none.
        SocketChannel channel = ShimLoop.open();
        try {
            return launchReachable(request, digest, outputLimit, channel);
        } finally {
            if (!channel.isConnected()) {
                channel.close();
            }
        }
    }

    private SupervisedJob launchReachable(StartRequest request, String digest, long outputLimit, SocketChannel channel)
            throws IOException {
        JobSpec spec = request.spec();
        Instant now = hooks.clock().instant();
        JobId id = JobId.create(now);
        JobRecord record = new JobRecord(
                JobRecord.VERSION,
                request.owner(),
                request.requestId(),
                digest,
                now.truncatedTo(ChronoUnit.MICROS),
                supervision.bootId(),
                spec.withoutInput());
        JobFolder folder = Threads.despiteInterrupts(() ->
                JobFolder.create(state.jobs(), id, record, spec.input(), options.survivePowerLoss(), hooks.faults()));
        hooks.faults().accept(FaultPoint.FOLDER_WRITTEN);
        Optional<Launcher.Reply> reply;
        try {
            reply = launcher.start(
                    startId -> StartFrame.encode(startId, id, folder, spec, outputLimit, options),
                    () -> hooks.faults().accept(FaultPoint.REQUEST_SENT));
        } catch (IOException e) {
            discard(folder);
            throw new JobException(new Failure.Internal("running the launcher: " + e), e);
        }
        hooks.faults().accept(FaultPoint.REPLY_RECEIVED);
        if (reply.isEmpty()) {
            return afterHelperDeath(id, folder, request.owner());
        }
        return switch (reply.get()) {
            case Launcher.Reply.Started(int pid, Instant startTime) -> {
                SupervisedJob job =
                        supervision.enterStarted(id, folder, record, new JobStatus.Running(pid, startTime), channel);
                hooks.faults().accept(FaultPoint.JOB_ENTERED);
                yield job;
            }
            case Launcher.Reply.Failed failed -> {
                if (folder.wasStarted()) { // its shim was killed: a start that failed by itself has taken its mark back
                    yield afterHelperDeath(id, folder, request.owner());
                }
                discard(folder);
                throw failure(failed, spec);
            }
        };
    }

    /** The launcher was killed between request and reply, or the shim was: the folder tells whether the job runs, or may have run. */
    private SupervisedJob afterHelperDeath(JobId id, JobFolder folder, String owner) {
        try {
            SupervisedJob job = supervision
                    .takeUp(id, folder)
                    .join()
                    .orElseThrow(() ->
                            new JobException(new Failure.Internal("the helper was killed before it started the job")));
            // A running job that is taken up is counted there.
            admission.leave(owner);
            return job;
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }

    private static void discard(JobFolder folder) {
        try {
            folder.delete();
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, "removing " + folder.path() + " after a failed start", e);
        }
    }

    private static JobException failure(Launcher.Reply.Failed reply, JobSpec spec) {
        ExecStage stage = reply.stage();
        String error = Errno.text(reply.errno());
        if (stage == ExecStage.FOLDER && (reply.errno() == Errno.ENOSPC || reply.errno() == Errno.EDQUOT)) {
            return new JobException(new Failure.StorageFull(stage.doing(), error));
        }
        String program = spec.argv().getFirst();
        String subject = switch (stage) {
            case DIRECTORY -> program + " in " + spec.workingDirectory();
            case USER -> program + " as " + spec.user();
            case REQUEST, FOLDER, FORK, STDIO, LIMIT, NICE, PRIVILEGES, EXEC -> program;
        };
        return new JobException(new Failure.ExecFailed(stage, reply.errno(), error, subject));
    }

    /** Java has no errno: the kernel's text at the end of the message tells a full disk from other trouble. */
    static JobException storageFailure(String doing, IOException e) {
        String text = String.valueOf(e.getMessage());
        boolean full = text.endsWith(Errno.text(Errno.ENOSPC)) || text.endsWith(Errno.text(Errno.EDQUOT));
        return new JobException(
                full ? new Failure.StorageFull(doing, text) : new Failure.Internal(doing + ": " + e), e);
    }

    private long outputLimit(JobSpec spec) {
        Long asked = spec.output().limitBytes();
        if (asked == null) {
            spec.output().atLimit().check(options.maxOutputBytes());
            return options.maxOutputBytes();
        }
        if (asked > options.maxOutputBytes()) {
            throw new JobException(new Failure.Invalid(
                    "output.limit_bytes", "is more than the worker allows, " + options.maxOutputBytes()));
        }
        return asked;
    }
}
