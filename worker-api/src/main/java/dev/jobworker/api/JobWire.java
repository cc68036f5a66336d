package dev.jobworker.api;

import dev.jobworker.api.v1.CauseKind;
import dev.jobworker.api.v1.Exit;
import dev.jobworker.api.v1.SignalExit;
import dev.jobworker.core.Cause;
import dev.jobworker.core.ExitStatus;
import dev.jobworker.core.InputInfo;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobState;
import dev.jobworker.core.JobStatus;
import dev.jobworker.core.OutputInfo;
import dev.jobworker.core.Signal;
import dev.jobworker.core.Survivor;
import dev.jobworker.core.Usage;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** The message of a job. */
final class JobWire {
    private JobWire() {}

    static dev.jobworker.api.v1.Job toProto(Job job) {
        dev.jobworker.api.v1.Job.Builder message = dev.jobworker.api.v1.Job.newBuilder()
                .setJobId(job.id().toString())
                .setOwner(job.owner())
                .setState(state(job.state()))
                .setSpec(SpecWire.toAnswer(job.spec()))
                .setCreateTime(Fields.timestamp(job.createTime()))
                .setOutput(output(job.output()));
        if (job.spec().streamInput()) {
            message.setInput(dev.jobworker.api.v1.InputInfo.newBuilder()
                    .setBytes(job.input().bytes())
                    .setOpen(job.input().open()));
        }
        switch (job.status()) {
            case JobStatus.Running(int pid, Instant _) -> setPid(message, pid);
            case JobStatus.Stopping(int pid, Instant _, Cause.Kind kind) -> {
                setPid(message, pid);
                message.setCause(dev.jobworker.api.v1.Cause.newBuilder().setKind(kind(kind)));
            }
            case JobStatus.Ended ended -> addEnd(message, ended);
            case JobStatus.Lost lost ->
                message.setError(lost.evidence()).setEndTime(Fields.timestamp(lost.foundTime()));
        }
        job.status().started().ifPresent(time -> message.setStartTime(Fields.timestamp(time)));
        return message.build();
    }

    private static void setPid(dev.jobworker.api.v1.Job.Builder message, int pid) {
        if (pid > 0) {
            message.setPid(pid);
        }
    }

    static Job fromProto(dev.jobworker.api.v1.Job job) {
        JobId id = JobId.parse(job.getJobId())
                .orElseThrow(() -> new IllegalArgumentException("not a job id: " + job.getJobId()));
        return new Job(
                id,
                job.getOwner(),
                SpecWire.fromAnswer(job.getSpec()),
                Fields.instant(job.getCreateTime()),
                status(job),
                output(job.getOutput()),
                new InputInfo(job.getInput().getBytes(), job.getInput().getOpen()));
    }

    static dev.jobworker.api.v1.JobState state(JobState state) {
        return switch (state) {
            case RUNNING -> dev.jobworker.api.v1.JobState.JOB_STATE_RUNNING;
            case STOPPING -> dev.jobworker.api.v1.JobState.JOB_STATE_STOPPING;
            case SUCCEEDED -> dev.jobworker.api.v1.JobState.JOB_STATE_SUCCEEDED;
            case FAILED -> dev.jobworker.api.v1.JobState.JOB_STATE_FAILED;
            case STOPPED -> dev.jobworker.api.v1.JobState.JOB_STATE_STOPPED;
            case LOST -> dev.jobworker.api.v1.JobState.JOB_STATE_LOST;
        };
    }

    private static void addEnd(dev.jobworker.api.v1.Job.Builder message, JobStatus.Ended ended) {
        Cause cause = ended.cause();
        dev.jobworker.api.v1.Cause.Builder causeMessage = dev.jobworker.api.v1.Cause.newBuilder()
                .setKind(kind(cause.kind()))
                .setGraceExceeded(cause.graceExceeded());
        String requestedBy = cause.requestedBy();
        if (requestedBy != null) {
            causeMessage.setRequestedBy(requestedBy);
        }
        message.setExit(exit(ended.exit()))
                .setCause(causeMessage)
                .setEndTime(Fields.timestamp(ended.endTime()))
                .setUsage(dev.jobworker.api.v1.Usage.newBuilder()
                        .setUserCpu(Fields.duration(ended.usage().userCpu()))
                        .setSystemCpu(Fields.duration(ended.usage().systemCpu()))
                        .setPeakMemoryBytes(ended.usage().peakMemoryBytes()));
        for (Survivor survivor : ended.survivors()) {
            message.addSurvivors(dev.jobworker.api.v1.Survivor.newBuilder()
                    .setPid(survivor.pid())
                    .setUid(survivor.uid())
                    .setCommand(survivor.command()));
        }
    }

    private static Exit exit(ExitStatus status) {
        return switch (status) {
            case ExitStatus.Code(int value) -> Exit.newBuilder().setCode(value).build();
            case ExitStatus.Signaled(Signal signal, boolean coreDumped) ->
                Exit.newBuilder()
                        .setSignal(SignalExit.newBuilder()
                                .setNumber(signal.number())
                                .setName(signal.name()))
                        .setCoreDumped(coreDumped)
                        .build();
        };
    }

    private static CauseKind kind(Cause.Kind kind) {
        return switch (kind) {
            case OWN_ACCORD -> CauseKind.CAUSE_KIND_OWN_ACCORD;
            case STOP_REQUEST -> CauseKind.CAUSE_KIND_STOP_REQUEST;
            case TIMEOUT -> CauseKind.CAUSE_KIND_TIMEOUT;
            case OUTPUT_LIMIT -> CauseKind.CAUSE_KIND_OUTPUT_LIMIT;
            case WORKER_SHUTDOWN -> CauseKind.CAUSE_KIND_WORKER_SHUTDOWN;
        };
    }

    /** The facts decide; a state of a newer server is the nearest one that they allow, and what cannot be told is LOST. */
    private static JobStatus status(dev.jobworker.api.v1.Job job) {
        return switch (job.getState()) {
            case JOB_STATE_RUNNING -> new JobStatus.Running(job.getPid(), Fields.instant(job.getStartTime()));
            case JOB_STATE_STOPPING ->
                new JobStatus.Stopping(
                        job.getPid(),
                        Fields.instant(job.getStartTime()),
                        kind(job.getCause().getKind()).orElse(Cause.Kind.STOP_REQUEST));
            case JOB_STATE_LOST -> lost(job, job.getError());
            case JOB_STATE_SUCCEEDED, JOB_STATE_FAILED, JOB_STATE_STOPPED -> ended(job);
            case JOB_STATE_UNSPECIFIED, UNRECOGNIZED ->
                job.hasEndTime() ? ended(job) : new JobStatus.Running(job.getPid(), Fields.instant(job.getStartTime()));
        };
    }

    private static JobStatus ended(dev.jobworker.api.v1.Job job) {
        Optional<ExitStatus> exit = exit(job.getExit());
        if (exit.isEmpty()) {
            return lost(job, "it ended in a way that this client does not know");
        }
        List<Survivor> survivors = job.getSurvivorsList().stream()
                .map(survivor -> new Survivor(survivor.getPid(), survivor.getUid(), survivor.getCommand()))
                .toList();
        return new JobStatus.Ended(
                exit.get(),
                cause(job, exit.get()),
                Fields.instant(job.getStartTime()),
                Fields.instant(job.getEndTime()),
                usage(job.getUsage()),
                survivors);
    }

    private static JobStatus lost(dev.jobworker.api.v1.Job job, String evidence) {
        return new JobStatus.Lost(evidence, Fields.instant(job.getEndTime()));
    }

    private static Optional<ExitStatus> exit(Exit exit) {
        return switch (exit.getStatusCase()) {
            case CODE -> Optional.of(new ExitStatus.Code(exit.getCode()));
            case SIGNAL ->
                Optional.of(new ExitStatus.Signaled(new Signal(exit.getSignal().getNumber()), exit.getCoreDumped()));
            case STATUS_NOT_SET -> Optional.empty();
        };
    }

    private static Cause cause(dev.jobworker.api.v1.Job job, ExitStatus exit) {
        dev.jobworker.api.v1.Cause cause = job.getCause();
        return new Cause(
                kind(cause.getKind()).orElseGet(() -> nearestKind(job.getState(), exit)),
                cause.getRequestedBy().isEmpty() ? null : cause.getRequestedBy(),
                cause.getGraceExceeded());
    }

    /** Returns the cause that gives the state that the server told. */
    private static Cause.Kind nearestKind(dev.jobworker.api.v1.JobState state, ExitStatus exit) {
        if (state == dev.jobworker.api.v1.JobState.JOB_STATE_STOPPED) {
            return Cause.Kind.STOP_REQUEST;
        }
        boolean failedWithCodeZero =
                state == dev.jobworker.api.v1.JobState.JOB_STATE_FAILED && exit.equals(new ExitStatus.Code(0));
        return failedWithCodeZero ? Cause.Kind.TIMEOUT : Cause.Kind.OWN_ACCORD;
    }

    private static Optional<Cause.Kind> kind(CauseKind kind) {
        return switch (kind) {
            case CAUSE_KIND_OWN_ACCORD -> Optional.of(Cause.Kind.OWN_ACCORD);
            case CAUSE_KIND_STOP_REQUEST -> Optional.of(Cause.Kind.STOP_REQUEST);
            case CAUSE_KIND_TIMEOUT -> Optional.of(Cause.Kind.TIMEOUT);
            case CAUSE_KIND_OUTPUT_LIMIT -> Optional.of(Cause.Kind.OUTPUT_LIMIT);
            case CAUSE_KIND_WORKER_SHUTDOWN -> Optional.of(Cause.Kind.WORKER_SHUTDOWN);
            case CAUSE_KIND_UNSPECIFIED, UNRECOGNIZED -> Optional.empty();
        };
    }

    private static Usage usage(dev.jobworker.api.v1.Usage usage) {
        return new Usage(
                Duration.ofSeconds(
                        usage.getUserCpu().getSeconds(), usage.getUserCpu().getNanos()),
                Duration.ofSeconds(
                        usage.getSystemCpu().getSeconds(), usage.getSystemCpu().getNanos()),
                usage.getPeakMemoryBytes());
    }

    private static dev.jobworker.api.v1.OutputInfo output(OutputInfo output) {
        return dev.jobworker.api.v1.OutputInfo.newBuilder()
                .setCombinedBytes(output.combinedBytes())
                .setStdoutBytes(output.stdoutBytes())
                .setStderrBytes(output.stderrBytes())
                .setEarliestOffset(output.earliestOffset())
                .setTruncatedBytes(output.truncatedBytes())
                .setComplete(output.complete())
                .build();
    }

    private static OutputInfo output(dev.jobworker.api.v1.OutputInfo output) {
        return new OutputInfo(
                output.getStdoutBytes(),
                output.getStderrBytes(),
                output.getEarliestOffset(),
                output.getTruncatedBytes(),
                output.getComplete());
    }
}
