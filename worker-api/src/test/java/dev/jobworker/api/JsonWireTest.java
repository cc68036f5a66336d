package dev.jobworker.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.api.v1.Job;
import dev.jobworker.api.v1.ListJobsRequest;
import dev.jobworker.api.v1.StartJobRequest;
import dev.jobworker.api.v1.StopJobRequest;
import dev.jobworker.api.v1.StreamOutputRequest;
import dev.jobworker.core.JobInput;
import dev.jobworker.core.JobSpec;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonWireTest {

    @Test
    void answer_ofAnyJob_comesBack() {
        for (int seed = 0; seed < 2000; seed++) {
            Job job = Wire.toProto(new RandomJobs(seed).job());
            String line = JsonWire.line(job);
            assertEquals(1, line.lines().count());
            assertEquals(job, JsonWire.readAnswer(bytes(line), Job.newBuilder()).build());
            assertEquals(
                    job,
                    JsonWire.readAnswer(bytes(JsonWire.document(job)), Job.newBuilder())
                            .build());
        }
    }

    @Test
    void request_comesBack_withoutWhatTravelsElsewhere() {
        JobSpec spec = JobSpec.builder("sh", "-c", "exit 0", "ü \"\n")
                .environment("SECRET", "hunter2")
                .umask(0)
                .nice(0)
                .timeout(Duration.ofSeconds(1, 1))
                .gracePeriod(Duration.ZERO)
                .label("a", "")
                .input(JobInput.of(new byte[] {0, 1, (byte) 255}))
                .build();
        StartJobRequest request = Wire.startRequest(UUID.randomUUID(), spec);

        String text = JsonWire.request(request, Set.of("request_id"));
        StartJobRequest read = JsonWire.readRequest(bytes(text), StartJobRequest.newBuilder(), Set.of("request_id"))
                .build();

        assertEquals(request.toBuilder().clearRequestId().build(), read);
        assertEquals(spec, Wire.spec(read));
        assertTrue(text.contains("\"environment\":{\"SECRET\":\"hunter2\"}"), text);
    }

    @Test
    void answer_neverHasTheEnvironment() {
        Job job = Job.newBuilder()
                .setSpec(dev.jobworker.api.v1.JobSpec.newBuilder().putEnvironment("A", "secret"))
                .build();
        assertFalse(JsonWire.line(job).contains("secret"));
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0, 0s",
        "1, 500000000, 1.5s",
        "0, 1, 0.000000001s",
        "-1, 0, -1s",
        "-1, -500000000, -1.5s",
        "0, -500000000, -0.5s",
        "315576000000, 0, 315576000000s"
    })
    void duration_isSecondsWithAFraction(long seconds, int nanos, String text) {
        StopJobRequest request = StopJobRequest.newBuilder()
                .setGracePeriod(com.google.protobuf.Duration.newBuilder()
                        .setSeconds(seconds)
                        .setNanos(nanos))
                .build();
        String json = JsonWire.request(request, Set.of());
        assertEquals("{\"gracePeriod\":\"" + text + "\"}", json);
        assertEquals(
                request,
                JsonWire.readRequest(bytes(json), StopJobRequest.newBuilder(), Set.of())
                        .build());
    }

    @Test
    void answer_ofANewerServer_isReadAsFarAsItIsKnown() {
        Job job = JsonWire.readAnswer(
                        bytes(
                                "{\"jobId\":\"x\",\"state\":\"DREAMING\",\"mood\":{\"a\":[1]},\"cause\":{\"kind\":\"X\"}}"),
                        Job.newBuilder())
                .build();
        assertEquals("x", job.getJobId());
        assertEquals(dev.jobworker.api.v1.JobState.JOB_STATE_UNSPECIFIED, job.getState());
        assertTrue(job.hasCause());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "x", "[]", "{\"jobId\":1}", "{\"createTime\":\"yesterday\"}", "{\"survivors\":{}}"})
    void answer_thatMakesNoSense_isInternal(String json) {
        WorkerException nonsense =
                assertThrows(WorkerException.class, () -> JsonWire.readAnswer(bytes(json), Job.newBuilder()));
        assertEquals(Reason.INTERNAL, nonsense.reason());
    }

    @Test
    void text_ofEachField_isReadBack() {
        StreamOutputRequest.Builder output = StreamOutputRequest.newBuilder();
        readText("STDERR", "stream", output);
        readText("5", "tail_bytes", output);
        readText("true", "follow", output);
        assertEquals(5, output.getTailBytes());
        assertTrue(output.getFollow());
        WorkerException both = assertThrows(WorkerException.class, () -> readText("1", "offset", output));
        assertTrue(both.getMessage().contains("tail_bytes"), both.getMessage());
        ListJobsRequest.Builder list = ListJobsRequest.newBuilder();
        readText("a=b=c", "labels", list);
        readText("RUNNING", "states", list);
        readText("LOST", "states", list);
        assertEquals("b=c", list.getLabelsOrThrow("a"));
        assertEquals(2, list.getStatesCount());
    }

    private static void readText(String text, String field, com.google.protobuf.Message.Builder into) {
        JsonWire.readText(text, into.getDescriptorForType().findFieldByName(field), into);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
