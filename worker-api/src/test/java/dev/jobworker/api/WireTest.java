package dev.jobworker.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import com.google.protobuf.Duration;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Timestamp;
import dev.jobworker.api.v1.Exit;
import dev.jobworker.api.v1.GetJobRequest;
import dev.jobworker.api.v1.ListJobsRequest;
import dev.jobworker.api.v1.OutputChunk;
import dev.jobworker.api.v1.OutputEnd;
import dev.jobworker.api.v1.SignalExit;
import dev.jobworker.api.v1.StartJobRequest;
import dev.jobworker.api.v1.StopJobRequest;
import dev.jobworker.api.v1.StreamOutputRequest;
import dev.jobworker.api.v1.StreamOutputResponse;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobInput;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.JobState;
import dev.jobworker.core.JobStatus;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputPolicy;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputView;
import dev.jobworker.core.StdStream;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Messages to records and back, and everything that is not acceptable. */
class WireTest {
    private static final int SEEDS = 500;
    private static final int UNKNOWN = 99;
    private static final String JOB_ID = "01890a5d-ac96-774b-bcce-b302099a8057";

    @Test
    void job_throughTheWire_isTheSameWithoutSecrets() throws Exception {
        for (int seed = 0; seed < SEEDS; seed++) {
            Job job = new RandomJobs(seed).job();

            dev.jobworker.api.v1.Job message =
                    dev.jobworker.api.v1.Job.parseFrom(Wire.toProto(job).toByteArray());

            Job shown = new Job(
                    job.id(),
                    job.owner(),
                    job.spec().withoutSecrets(),
                    job.createTime(),
                    job.status(),
                    job.output(),
                    job.input());
            assertEquals(shown, Wire.fromProto(message), "seed " + seed);
            assertEquals(0, message.getSpec().getEnvironmentCount());
            job.spec().environment().values().stream()
                    .filter(value -> value.length() > 8)
                    .forEach(value -> assertFalse(message.toString().contains(value)));
        }
    }

    @Test
    void startRequest_throughTheWire_isTheSame() throws Exception {
        for (int seed = 0; seed < SEEDS; seed++) {
            JobSpec spec = new RandomJobs(seed).spec();
            UUID requestId = UUID.randomUUID();

            StartJobRequest message =
                    StartJobRequest.parseFrom(Wire.startRequest(requestId, spec).toByteArray());

            assertEquals(spec, Wire.spec(message), "seed " + seed);
            assertEquals(requestId, Wire.requestId(message.getRequestId()));
        }
    }

    @Test
    void queries_throughTheWire_areTheSame() {
        for (int seed = 0; seed < SEEDS; seed++) {
            RandomJobs random = new RandomJobs(seed);
            JobQuery query = random.query();
            OutputQuery outputQuery = random.outputQuery();
            JobId id = random.jobId();

            assertEquals(query, Wire.query(Wire.listRequest(query)), "seed " + seed);
            assertEquals(outputQuery, Wire.outputQuery(Wire.outputRequest(id, outputQuery)));
            assertEquals(id, Wire.jobId(Wire.outputRequest(id, outputQuery).getJobId()));
        }
    }

    @Test
    void events_throughTheWire_areTheSame() {
        Job job = new RandomJobs(1).job();
        Job shown = new Job(
                job.id(),
                job.owner(),
                job.spec().withoutSecrets(),
                job.createTime(),
                job.status(),
                job.output(),
                job.input());
        ByteBuffer bytes = ByteBuffer.wrap(new byte[] {0, -1, 10});
        List<OutputEvent> events = List.of(
                new OutputEvent.Chunk(7, StdStream.STDERR, Instant.ofEpochSecond(5, 6), bytes),
                new OutputEvent.Idle(8),
                new OutputEvent.End(OutputEvent.End.Reason.COMPLETE, 9, shown),
                new OutputEvent.End(OutputEvent.End.Reason.CAUGHT_UP, 9, shown),
                new OutputEvent.End(OutputEvent.End.Reason.LIMIT, 9, shown));

        for (OutputEvent event : events) {
            assertEquals(Optional.of(event), Wire.fromProto(Wire.toProto(event)));
        }
        assertEquals(3, bytes.remaining());
    }

    @Test
    void answers_aboutCallerAndServer_areTheSame() {
        CallerIdentity caller = new CallerIdentity("spiffe://a/user/b", "", Instant.ofEpochSecond(5, 999_999_999));
        ServerInfo info = new ServerInfo("1", Instant.EPOCH, 3, 4);
        JobPage page = new JobPage(List.of(), "token");

        assertEquals(caller, Wire.fromProto(Wire.toProto(caller)));
        assertEquals(info, Wire.fromProto(Wire.toProto(info)));
        assertEquals(page, Wire.fromProto(Wire.toProto(page)));
    }

    @Test
    void requests_withDefaults_haveTheDocumentedMeaning() {
        JobSpec spec = Wire.spec(start(builder -> builder.addArgv("true")));

        assertEquals(JobSpec.of("true"), spec);
        assertEquals(java.time.Duration.ZERO, Wire.waitTerminal(GetJobRequest.getDefaultInstance()));
        assertNull(Wire.gracePeriod(StopJobRequest.getDefaultInstance()));
        assertEquals(JobQuery.ALL, Wire.query(ListJobsRequest.getDefaultInstance()));
        assertEquals(
                new OutputQuery(OutputView.COMBINED, new OutputQuery.From.Offset(0), false, Long.MAX_VALUE),
                Wire.outputQuery(StreamOutputRequest.getDefaultInstance()));
        assertEquals(4, Wire.requestId("").version());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "x",
                "../../etc/passwd",
                "01890A5D-AC96-774B-BCCE-B302099A8057",
                "01890a5dac96774bbcceb302099a8057",
                " 01890a5d-ac96-774b-bcce-b302099a8057",
                "01890a5d-ac96-474b-bcce-b302099a8057",
                "01890a5d-ac96-774b-bcce-b302099a805g",
                "1-1-7001-8001-1",
                "01890a5d-ac96-774b-bcce-b302099a8057\u0000"
            })
    void jobId_ofAnotherShape_isAnInvalidField(String text) {
        assertInvalid("job_id", () -> Wire.jobId(text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"x", "1-1-1-1-1", "01890a5dac96774bbcceb302099a8057", "01890a5d-ac96-774b-bcce-b302099a80577"})
    void requestId_thatIsNoUuid_isAnInvalidField(String text) {
        assertInvalid("request_id", () -> Wire.requestId(text));
    }

    @Test
    void requestId_inUpperCase_isTheSame() {
        assertEquals(Wire.requestId(JOB_ID), Wire.requestId(JOB_ID.toUpperCase(Locale.ROOT)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "0", "65", "-1", "SIG", "SIGFOO", "HUP ", "99999999999", "SIG-9"})
    void signal_unknown_isAnInvalidField(String text) {
        assertInvalid("signal", () -> Wire.signal(text));
    }

    @Test
    void spec_bad_namesTheField() {
        assertInvalid("spec", () -> Wire.spec(StartJobRequest.getDefaultInstance()));
        assertInvalidSpec("argv", spec -> {});
        assertInvalidSpec("argv", spec -> spec.addArgv(""));
        assertInvalidSpec("argv", spec -> spec.addArgv("a\0b"));
        assertInvalidSpec("argv", spec -> spec.addAllArgv(Collections.nCopies(1025, "a")));
        assertInvalidSpec("argv", spec -> spec.addArgv("a".repeat(128 << 10)));
        assertInvalidSpec("environment", spec -> spec.addArgv("a").putEnvironment("", "x"));
        assertInvalidSpec("environment", spec -> spec.addArgv("a").putEnvironment("A=B", "x"));
        assertInvalidSpec("environment", spec -> spec.addArgv("a").putEnvironment("A", "\0"));
        assertInvalidSpec("environment_names", spec -> spec.addArgv("a").addEnvironmentNames("A"));
        assertInvalidSpec("working_dir", spec -> spec.addArgv("a").setWorkingDir("tmp"));
        assertInvalidSpec("user", spec -> spec.addArgv("a").setUser("-o x"));
        assertInvalidSpec("limits", spec -> spec.addArgv("a").putLimits("nofile", -1));
        assertInvalidSpec("limits", spec -> spec.addArgv("a").putLimits("NOFILE", 1));
        assertInvalidSpec("limits", spec -> spec.addArgv("a").putLimits("rtprio", 1));
        assertInvalidSpec("umask", spec -> spec.addArgv("a").setUmask(01000));
        assertInvalidSpec("umask", spec -> spec.addArgv("a").setUmask(-1));
        assertInvalidSpec("nice", spec -> spec.addArgv("a").setNice(20));
        assertInvalidSpec("labels", spec -> spec.addArgv("a").putLabels("", "x"));
        assertInvalidSpec("labels", spec -> spec.addArgv("a").putLabels("a", "\u001b[31m"));
        assertInvalidSpec(
                "output.limit_bytes",
                spec -> spec.addArgv("a")
                        .setOutput(
                                dev.jobworker.api.v1.OutputPolicy.newBuilder().setLimitBytes(-1)));
        assertInvalidSpec(
                "output.at_limit",
                spec -> spec.addArgv("a")
                        .setOutput(
                                dev.jobworker.api.v1.OutputPolicy.newBuilder().setAtLimitValue(UNKNOWN)));
        assertInvalid(
                "input",
                () -> Wire.spec(start(spec -> spec.addArgv("a")).toBuilder()
                        .setInput(ByteString.copyFrom(new byte[JobInput.MAX_BYTES + 1]))
                        .build()));
    }

    @Test
    void durations_bad_nameTheField() {
        for (Duration bad : List.of(
                Duration.newBuilder().setSeconds(-1).build(),
                Duration.newBuilder().setNanos(-1).build(),
                Duration.newBuilder().setSeconds(1).setNanos(-1).build(),
                Duration.newBuilder().setNanos(1_000_000_000).build(),
                Duration.newBuilder().setSeconds(315_576_000_001L).build(),
                Duration.newBuilder().setSeconds(Long.MAX_VALUE).build(),
                Duration.newBuilder().setSeconds(Long.MIN_VALUE).build())) {
            assertInvalidSpec("timeout", spec -> spec.addArgv("a").setTimeout(bad));
            assertInvalidSpec("grace_period", spec -> spec.addArgv("a").setGracePeriod(bad));
            assertInvalid(
                    "grace_period",
                    () -> Wire.gracePeriod(
                            StopJobRequest.newBuilder().setGracePeriod(bad).build()));
            assertInvalid(
                    "wait_terminal",
                    () -> Wire.waitTerminal(
                            GetJobRequest.newBuilder().setWaitTerminal(bad).build()));
        }
        Duration elevenYears =
                Duration.newBuilder().setSeconds(11L * 365 * 86_400).build();
        assertInvalidSpec("timeout", spec -> spec.addArgv("a").setTimeout(elevenYears));
        assertInvalidSpec("grace_period", spec -> spec.addArgv("a").setGracePeriod(elevenYears));
        assertInvalidSpec("timeout", spec -> spec.addArgv("a").setTimeout(Duration.getDefaultInstance()));
    }

    @Test
    void outputRequest_bad_namesTheField() {
        assertInvalid("offset", () -> Wire.outputQuery(output(r -> r.setOffset(-1))));
        assertInvalid("tail_bytes", () -> Wire.outputQuery(output(r -> r.setTailBytes(-1))));
        assertInvalid("tail_lines", () -> Wire.outputQuery(output(r -> r.setTailLines(Long.MIN_VALUE))));
        assertInvalid("limit_bytes", () -> Wire.outputQuery(output(r -> r.setLimitBytes(-1))));
        assertInvalid("stream", () -> Wire.outputQuery(output(r -> r.setStreamValue(UNKNOWN))));
    }

    @Test
    void listRequest_unknownState_namesTheField() {
        assertInvalid(
                "states",
                () -> Wire.query(
                        ListJobsRequest.newBuilder().addStatesValue(UNKNOWN).build()));
        assertInvalid(
                "states",
                () -> Wire.query(ListJobsRequest.newBuilder()
                        .addStates(dev.jobworker.api.v1.JobState.JOB_STATE_UNSPECIFIED)
                        .build()));
    }

    @Test
    void answer_ofANewerServer_isTheNearestThingKnown() {
        assertInstanceOf(
                JobStatus.Running.class,
                Wire.fromProto(minimal().setStateValue(UNKNOWN).setPid(7).build())
                        .status());
        Job ended = Wire.fromProto(minimal()
                .setStateValue(UNKNOWN)
                .setEndTime(Timestamp.newBuilder().setSeconds(9))
                .setExit(Exit.newBuilder().setCode(0))
                .build());
        assertEquals(JobState.SUCCEEDED, ended.state());
        for (JobState state : List.of(JobState.SUCCEEDED, JobState.FAILED, JobState.STOPPED)) {
            Job unknownCause = Wire.fromProto(minimal()
                    .setState(JobWire.state(state))
                    .setExit(Exit.newBuilder().setCode(0))
                    .setCause(dev.jobworker.api.v1.Cause.newBuilder().setKindValue(UNKNOWN))
                    .build());
            assertEquals(state, unknownCause.state());
        }
        assertEquals(
                JobState.LOST,
                Wire.fromProto(minimal()
                                .setState(dev.jobworker.api.v1.JobState.JOB_STATE_FAILED)
                                .build())
                        .state());
        Job newSpec = Wire.fromProto(minimal()
                .setSpec(dev.jobworker.api.v1.JobSpec.newBuilder()
                        .addArgv("a")
                        .putLimits("rtprio", 5)
                        .setOutput(
                                dev.jobworker.api.v1.OutputPolicy.newBuilder().setAtLimitValue(UNKNOWN)))
                .build());
        assertEquals(OutputPolicy.AtLimit.TRUNCATE, newSpec.spec().output().atLimit());
        assertEquals(Optional.empty(), Wire.fromProto(StreamOutputResponse.getDefaultInstance()));
        Optional<OutputEvent> chunk = Wire.fromProto(StreamOutputResponse.newBuilder()
                .setChunk(OutputChunk.newBuilder().setStreamValue(UNKNOWN))
                .build());
        assertEquals(StdStream.STDOUT, assertInstanceOf(OutputEvent.Chunk.class, chunk.orElseThrow()).stream());
    }

    @Test
    void answer_withoutSense_isAnInternalError() {
        assertNotUnderstood(() -> Wire.fromProto(dev.jobworker.api.v1.Job.getDefaultInstance()));
        assertNotUnderstood(() -> Wire.fromProto(minimal()
                .setCreateTime(Timestamp.newBuilder().setSeconds(Long.MAX_VALUE))
                .build()));
        assertNotUnderstood(() -> Wire.fromProto(minimal()
                .setState(dev.jobworker.api.v1.JobState.JOB_STATE_FAILED)
                .setExit(Exit.newBuilder().setSignal(SignalExit.newBuilder().setNumber(200)))
                .build()));
        assertNotUnderstood(() -> Wire.fromProto(StreamOutputResponse.newBuilder()
                .setEnd(OutputEnd.newBuilder().setReasonValue(UNKNOWN).setJob(minimal()))
                .build()));
    }

    /** Whatever the bytes are, a reader of requests gives a value or INVALID_FIELD, and a reader of answers a value or INTERNAL. */
    @Test
    void randomBytes_neverCrashAReader() {
        for (int seed = 0; seed < SEEDS; seed++) {
            RandomJobs random = new RandomJobs(seed);
            byte[] start = Wire.startRequest(UUID.randomUUID(), random.spec()).toByteArray();
            byte[] job = Wire.toProto(random.job()).toByteArray();
            for (int round = 0; round < 50; round++) {
                try {
                    Wire.spec(StartJobRequest.parseFrom(random.damaged(start)));
                } catch (WorkerException refused) {
                    assertEquals(Reason.INVALID_FIELD, refused.reason());
                } catch (InvalidProtocolBufferException notAMessage) {
                    // Never gets to the reader.
                }
                try {
                    Wire.fromProto(dev.jobworker.api.v1.Job.parseFrom(random.damaged(job)));
                } catch (WorkerException refused) {
                    assertEquals(Reason.INTERNAL, refused.reason());
                } catch (InvalidProtocolBufferException notAMessage) {
                    // Never gets to the reader.
                }
            }
        }
    }

    private static dev.jobworker.api.v1.Job.Builder minimal() {
        return dev.jobworker.api.v1.Job.newBuilder()
                .setJobId(JOB_ID)
                .setSpec(dev.jobworker.api.v1.JobSpec.newBuilder().addArgv("true"));
    }

    private static StartJobRequest start(Consumer<dev.jobworker.api.v1.JobSpec.Builder> change) {
        dev.jobworker.api.v1.JobSpec.Builder spec = dev.jobworker.api.v1.JobSpec.newBuilder();
        change.accept(spec);
        return StartJobRequest.newBuilder().setSpec(spec).build();
    }

    private static StreamOutputRequest output(Consumer<StreamOutputRequest.Builder> change) {
        StreamOutputRequest.Builder request = StreamOutputRequest.newBuilder();
        change.accept(request);
        return request.build();
    }

    private static void assertInvalidSpec(String field, Consumer<dev.jobworker.api.v1.JobSpec.Builder> change) {
        assertInvalid(field, () -> Wire.spec(start(change)));
    }

    private static void assertInvalid(String field, Executable read) {
        WorkerException refused = assertThrows(WorkerException.class, read);
        assertEquals(Reason.INVALID_FIELD, refused.reason());
        assertEquals(field, refused.details().get("field"));
        assertTrue(refused.getMessage().startsWith(field), refused.getMessage());
    }

    private static void assertNotUnderstood(Executable read) {
        WorkerException refused = assertThrows(WorkerException.class, read);
        assertEquals(Reason.INTERNAL, refused.reason());
        assertTrue(refused.getMessage().contains("cannot be understood"), refused.getMessage());
    }
}
