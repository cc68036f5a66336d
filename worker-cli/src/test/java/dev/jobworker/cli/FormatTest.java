package dev.jobworker.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.jobworker.core.Cause;
import dev.jobworker.core.ExitStatus;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.JobStatus;
import dev.jobworker.core.OutputPolicy;
import dev.jobworker.core.ResourceLimit;
import dev.jobworker.core.Signal;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

final class FormatTest {
    private static final JsonMapper JSON = new JsonMapper();

    @Test
    void job_endedBySignal_hasTheNamesOfTheWire() {
        JobSpec spec = JobSpec.builder("sh", "-c", "echo \"\n\u0001")
                .environment("SECRET", "value")
                .limit(ResourceLimit.NOFILE, 64)
                .timeout(Duration.ofMillis(1500))
                .label("a", "b")
                .user("nobody")
                .nice(5)
                .output(new OutputPolicy(10L, OutputPolicy.AtLimit.KILL, true))
                .build()
                .withoutSecrets();
        Job job = Jobs.of(
                spec,
                Jobs.endedStatus(
                        new ExitStatus.Signaled(Signal.KILL, true), new Cause(Cause.Kind.STOP_REQUEST, "bob", true)));
        String expected = """
                {"jobId":"01a20adb-51bd-7d90-b926-7f631ce86934","owner":"spiffe://example.test/user/alice","state":"STOPPED",
                 "spec":{"argv":["sh","-c","echo \\"\\n\\u0001"],"environmentNames":["SECRET"],"workingDir":"/","user":"nobody",
                  "limits":{"nofile":64},"umask":18,"nice":5,"noNewPrivileges":false,"timeout":"1.5s","gracePeriod":"10s",
                  "labels":{"a":"b"},"output":{"limitBytes":10,"atLimit":"KILL","merge":true},
                  "stopSignal":"SIGTERM","descendants":"KILL","streamInput":false},
                 "createTime":"2026-01-02T03:04:05.500Z","startTime":"2026-01-02T03:04:05.600Z","exit":{"signal":{"number":9,"name":"SIGKILL"},"coreDumped":true},
                 "cause":{"kind":"STOP_REQUEST","requestedBy":"bob","graceExceeded":true},"endTime":"2026-01-02T03:04:07Z",
                 "usage":{"userCpu":"1.5s","systemCpu":"0.000001s","peakMemoryBytes":1048576},"survivors":[],
                 "output":{"combinedBytes":7,"stdoutBytes":3,"stderrBytes":4,"earliestOffset":0,"truncatedBytes":0,"complete":true}}
                """;
        assertEquals(JSON.readTree(expected), JSON.readTree(Format.JSONL.show(List.of(job), false)));
        assertEquals(1, Format.JSONL.show(List.of(job), false).lines().count());
        assertEquals(JSON.readTree(expected), JSON.readTree(Format.JSON.show(List.of(job), false)));
    }

    @Test
    void jobs_areAnArray_andOneThatWasAskedForByNameIsNot() {
        Job job = Jobs.of(JobSpec.of("true"), new JobStatus.Running(7, Jobs.CREATED));
        assertEquals(1, JSON.readTree(Format.JSON.list(List.of(job), false)).size());
        assertEquals(
                7,
                JSON.readTree(Format.JSON.show(List.of(job), false)).get("pid").asInt());
        assertEquals(
                2, JSON.readTree(Format.JSON.show(List.of(job, job), false)).size());
        assertEquals(2, Format.JSONL.show(List.of(job, job), false).lines().count());
        assertEquals("[]", Format.JSON.list(List.of(), false).replaceAll("\\s", ""));
    }
}
