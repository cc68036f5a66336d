package dev.jobworker.api;

import com.google.protobuf.ByteString;
import dev.jobworker.api.v1.DeleteJobRequest;
import dev.jobworker.api.v1.GetCallerIdentityResponse;
import dev.jobworker.api.v1.GetJobRequest;
import dev.jobworker.api.v1.GetServerInfoResponse;
import dev.jobworker.api.v1.ListJobsRequest;
import dev.jobworker.api.v1.ListJobsResponse;
import dev.jobworker.api.v1.OutputChunk;
import dev.jobworker.api.v1.OutputEnd;
import dev.jobworker.api.v1.OutputEndReason;
import dev.jobworker.api.v1.OutputHeartbeat;
import dev.jobworker.api.v1.SignalJobRequest;
import dev.jobworker.api.v1.StartJobRequest;
import dev.jobworker.api.v1.StopJobRequest;
import dev.jobworker.api.v1.StreamOutputRequest;
import dev.jobworker.api.v1.StreamOutputResponse;
import dev.jobworker.api.v1.WriteInputRequest;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobFilter;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.JobState;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputQuery.From;
import dev.jobworker.core.OutputView;
import dev.jobworker.core.Signal;
import dev.jobworker.core.StdStream;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The messages of {@code jobworker.v1} and what they mean, both ways.
 *
 * <p>Readers of requests throw {@link Reason#INVALID_FIELD} naming the field. Readers of answers take values that a newer server may send as the
 * nearest thing that is known here, and throw {@link Reason#INTERNAL} for what makes no sense. Nothing else is thrown.
 */
public final class Wire {
    private Wire() {}

    // ---- Requests, at the server

    /** Reads an id of a job. */
    public static JobId jobId(String text) {
        return JobId.parse(text)
                .orElseThrow(
                        () -> Fields.invalid("job_id", "is not the id of a job (a UUID of version 7 in lower case)"));
    }

    /** Reads a request id; makes one if it is empty. */
    public static UUID requestId(String text) {
        if (text.isEmpty()) {
            return UUID.randomUUID();
        }
        try {
            UUID uuid = UUID.fromString(text);
            if (uuid.toString().equalsIgnoreCase(text)) {
                return uuid;
            }
        } catch (IllegalArgumentException notAUuid) {
            // Said below.
        }
        throw Fields.invalid("request_id", "is not a UUID");
    }

    /** Reads the name or number of a signal. */
    public static Signal signal(String text) {
        return Fields.signal("signal", text);
    }

    public static JobSpec spec(StartJobRequest request) {
        if (!request.hasSpec()) {
            throw Fields.invalid("spec", "is missing");
        }
        return SpecWire.fromRequest(request.getSpec(), request.getInput());
    }

    /** Returns how long to wait for a final state; zero if the answer is wanted at once. */
    public static Duration waitTerminal(GetJobRequest request) {
        return request.hasWaitTerminal() ? Fields.duration("wait_terminal", request.getWaitTerminal()) : Duration.ZERO;
    }

    /** Returns the grace period of a stop; null for the job's own. */
    public static @Nullable Duration gracePeriod(StopJobRequest request) {
        return request.hasGracePeriod() ? Fields.duration("grace_period", request.getGracePeriod()) : null;
    }

    public static JobQuery query(ListJobsRequest request) {
        Set<JobState> states = EnumSet.noneOf(JobState.class);
        request.getStatesList().forEach(state -> states.add(state(state)));
        String owner = request.getOwner();
        JobFilter filter = new JobFilter(states, owner.isEmpty() ? null : owner, request.getLabelsMap());
        return new JobQuery(filter, request.getPageSize(), request.getPageToken());
    }

    public static OutputQuery outputQuery(StreamOutputRequest request) {
        return Fields.checked(() -> new OutputQuery(
                view(request.getStream()),
                switch (request.getFromCase()) {
                    case OFFSET -> new From.Offset(request.getOffset());
                    case TAIL_BYTES -> new From.TailBytes(request.getTailBytes());
                    case TAIL_LINES -> new From.TailLines(request.getTailLines());
                    case FROM_NOT_SET -> new From.Offset(0);
                },
                request.getFollow(),
                request.hasLimitBytes() ? request.getLimitBytes() : Long.MAX_VALUE));
    }

    /** Returns where in the input the bytes of a request begin; null for after what was written before. */
    public static @Nullable Long inputOffset(WriteInputRequest request) {
        return request.hasOffset() ? (Long) request.getOffset() : null;
    }

    private static JobState state(dev.jobworker.api.v1.JobState state) {
        return switch (state) {
            case JOB_STATE_RUNNING -> JobState.RUNNING;
            case JOB_STATE_STOPPING -> JobState.STOPPING;
            case JOB_STATE_SUCCEEDED -> JobState.SUCCEEDED;
            case JOB_STATE_FAILED -> JobState.FAILED;
            case JOB_STATE_STOPPED -> JobState.STOPPED;
            case JOB_STATE_LOST -> JobState.LOST;
            case JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> throw Fields.invalid("states", "have an unknown value");
        };
    }

    private static OutputView view(dev.jobworker.api.v1.OutputView view) {
        return switch (view) {
            case OUTPUT_VIEW_UNSPECIFIED, OUTPUT_VIEW_COMBINED -> OutputView.COMBINED;
            case OUTPUT_VIEW_STDOUT -> OutputView.STDOUT;
            case OUTPUT_VIEW_STDERR -> OutputView.STDERR;
            case UNRECOGNIZED -> throw Fields.invalid("stream", "has an unknown value");
        };
    }

    // ---- Requests, at the client

    public static StartJobRequest startRequest(UUID requestId, JobSpec spec) {
        return StartJobRequest.newBuilder()
                .setRequestId(requestId.toString())
                .setSpec(SpecWire.toRequest(spec))
                .setInput(ByteString.copyFrom(spec.input().toByteArray()))
                .build();
    }

    public static GetJobRequest getRequest(JobId id) {
        return GetJobRequest.newBuilder().setJobId(id.toString()).build();
    }

    public static GetJobRequest awaitRequest(JobId id, Duration maxWait) {
        return GetJobRequest.newBuilder()
                .setJobId(id.toString())
                .setWaitTerminal(Fields.duration(maxWait))
                .build();
    }

    public static ListJobsRequest listRequest(JobQuery query) {
        ListJobsRequest.Builder request = ListJobsRequest.newBuilder()
                .setPageSize(query.pageSize())
                .setPageToken(query.pageToken())
                .putAllLabels(query.filter().labels());
        query.filter().states().forEach(state -> request.addStates(JobWire.state(state)));
        String owner = query.filter().owner();
        return owner == null ? request.build() : request.setOwner(owner).build();
    }

    public static StopJobRequest stopRequest(JobId id, @Nullable Duration gracePeriod) {
        StopJobRequest.Builder request = StopJobRequest.newBuilder().setJobId(id.toString());
        return gracePeriod == null
                ? request.build()
                : request.setGracePeriod(Fields.duration(gracePeriod)).build();
    }

    public static SignalJobRequest signalRequest(JobId id, Signal signal) {
        return SignalJobRequest.newBuilder()
                .setJobId(id.toString())
                .setSignal(signal.name())
                .build();
    }

    /** Returns the first request of an input, without its bytes. */
    public static WriteInputRequest.Builder inputRequest(JobId id, @Nullable Long offset) {
        WriteInputRequest.Builder request = WriteInputRequest.newBuilder().setJobId(id.toString());
        return offset == null ? request : request.setOffset(offset);
    }

    public static DeleteJobRequest deleteRequest(JobId id) {
        return DeleteJobRequest.newBuilder().setJobId(id.toString()).build();
    }

    public static StreamOutputRequest outputRequest(JobId id, OutputQuery query) {
        StreamOutputRequest.Builder request = StreamOutputRequest.newBuilder()
                .setJobId(id.toString())
                .setStream(
                        switch (query.view()) {
                            case COMBINED -> dev.jobworker.api.v1.OutputView.OUTPUT_VIEW_COMBINED;
                            case STDOUT -> dev.jobworker.api.v1.OutputView.OUTPUT_VIEW_STDOUT;
                            case STDERR -> dev.jobworker.api.v1.OutputView.OUTPUT_VIEW_STDERR;
                        })
                .setFollow(query.follow());
        if (query.limitBytes() != Long.MAX_VALUE) {
            request.setLimitBytes(query.limitBytes());
        }
        return switch (query.from()) {
            case From.Offset(long offset) -> request.setOffset(offset).build();
            case From.TailBytes(long count) -> request.setTailBytes(count).build();
            case From.TailLines(long count) -> request.setTailLines(count).build();
        };
    }

    // ---- Answers, at the server

    /** Returns the message of a job. Values of environment variables and input are never in it. */
    public static dev.jobworker.api.v1.Job toProto(Job job) {
        return JobWire.toProto(job);
    }

    public static ListJobsResponse toProto(JobPage page) {
        ListJobsResponse.Builder response = ListJobsResponse.newBuilder().setNextPageToken(page.nextPageToken());
        page.jobs().forEach(job -> response.addJobs(toProto(job)));
        return response.build();
    }

    /** Returns the message of an event; the bytes of a chunk are copied, and not consumed. */
    public static StreamOutputResponse toProto(OutputEvent event) {
        StreamOutputResponse.Builder response = StreamOutputResponse.newBuilder();
        return switch (event) {
            case OutputEvent.Chunk chunk ->
                response.setChunk(OutputChunk.newBuilder()
                                .setOffset(chunk.offset())
                                .setStream(
                                        switch (chunk.stream()) {
                                            case STDOUT -> dev.jobworker.api.v1.StdStream.STD_STREAM_STDOUT;
                                            case STDERR -> dev.jobworker.api.v1.StdStream.STD_STREAM_STDERR;
                                        })
                                .setTime(Fields.timestamp(chunk.time()))
                                .setData(ByteString.copyFrom(chunk.bytes().duplicate())))
                        .build();
            case OutputEvent.Idle(long nextOffset) ->
                response.setHeartbeat(OutputHeartbeat.newBuilder().setNextOffset(nextOffset))
                        .build();
            case OutputEvent.End(OutputEvent.End.Reason reason, long nextOffset, Job job) ->
                response.setEnd(OutputEnd.newBuilder()
                                .setReason(
                                        switch (reason) {
                                            case COMPLETE -> OutputEndReason.OUTPUT_END_REASON_COMPLETE;
                                            case CAUGHT_UP -> OutputEndReason.OUTPUT_END_REASON_CAUGHT_UP;
                                            case LIMIT -> OutputEndReason.OUTPUT_END_REASON_LIMIT;
                                        })
                                .setNextOffset(nextOffset)
                                .setJob(toProto(job)))
                        .build();
        };
    }

    public static GetCallerIdentityResponse toProto(CallerIdentity caller) {
        return GetCallerIdentityResponse.newBuilder()
                .setIdentity(caller.identity())
                .setRole(caller.role())
                .setCertificateExpireTime(Fields.timestamp(caller.certificateExpireTime()))
                .build();
    }

    public static GetServerInfoResponse toProto(ServerInfo info) {
        return GetServerInfoResponse.newBuilder()
                .setVersion(info.version())
                .setStartTime(Fields.timestamp(info.startTime()))
                .setRunningJobs(info.runningJobs())
                .setRetainedJobs(info.retainedJobs())
                .build();
    }

    // ---- Answers, at the client

    public static Job fromProto(dev.jobworker.api.v1.Job job) {
        return Fields.understood(() -> JobWire.fromProto(job));
    }

    public static JobPage fromProto(ListJobsResponse response) {
        List<Job> jobs = response.getJobsList().stream().map(Wire::fromProto).toList();
        return new JobPage(jobs, response.getNextPageToken());
    }

    /** Returns the event, or empty for a kind that this client does not know. The bytes of a chunk are those of the message. */
    public static Optional<OutputEvent> fromProto(StreamOutputResponse response) {
        return Fields.understood(() -> switch (response.getEventCase()) {
            case CHUNK -> Optional.of(chunk(response.getChunk()));
            case HEARTBEAT ->
                Optional.of(new OutputEvent.Idle(response.getHeartbeat().getNextOffset()));
            case END -> Optional.of(end(response.getEnd()));
            case EVENT_NOT_SET -> Optional.empty();
        });
    }

    public static CallerIdentity fromProto(GetCallerIdentityResponse response) {
        return Fields.understood(() -> new CallerIdentity(
                response.getIdentity(), response.getRole(), Fields.instant(response.getCertificateExpireTime())));
    }

    public static ServerInfo fromProto(GetServerInfoResponse response) {
        return Fields.understood(() -> new ServerInfo(
                response.getVersion(),
                Fields.instant(response.getStartTime()),
                response.getRunningJobs(),
                response.getRetainedJobs()));
    }

    private static OutputEvent chunk(OutputChunk chunk) {
        StdStream stream = switch (chunk.getStream()) {
            case STD_STREAM_STDERR -> StdStream.STDERR;
            case STD_STREAM_STDOUT, STD_STREAM_UNSPECIFIED, UNRECOGNIZED -> StdStream.STDOUT;
        };
        return new OutputEvent.Chunk(
                chunk.getOffset(),
                stream,
                Fields.instant(chunk.getTime()),
                chunk.getData().asReadOnlyByteBuffer());
    }

    private static OutputEvent end(OutputEnd end) {
        OutputEvent.End.Reason reason = switch (end.getReason()) {
            case OUTPUT_END_REASON_COMPLETE -> OutputEvent.End.Reason.COMPLETE;
            case OUTPUT_END_REASON_CAUGHT_UP -> OutputEvent.End.Reason.CAUGHT_UP;
            case OUTPUT_END_REASON_LIMIT -> OutputEvent.End.Reason.LIMIT;
            // To call it complete would be a guess.
            case OUTPUT_END_REASON_UNSPECIFIED, UNRECOGNIZED ->
                throw new IllegalArgumentException("the output ended for a reason unknown here");
        };
        return new OutputEvent.End(reason, end.getNextOffset(), JobWire.fromProto(end.getJob()));
    }
}
