package dev.jobworker.examples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.auth.AuditLog;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobEngine;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.grpc.GrpcJobWorker;
import dev.jobworker.https.HttpsJobWorker;
import java.io.ByteArrayOutputStream;
import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class BothTransportsTest {

    @Test
    void job_startedByOne_isReadByTheOther(@TempDir Path directory) throws Exception {
        ExampleFolder folder = ExampleFolder.make(directory);
        try (JobEngine engine = folder.engine();
                BothTransports servers = BothTransports.serve(directory, engine, AuditLog.DISCARD, 0, 0);
                JobWorker grpc = GrpcJobWorker.connect(
                        "localhost", servers.grpc().address().getPort(), folder.alice(), notice -> fail(notice));
                JobWorker https = HttpsJobWorker.connect(
                        "localhost", servers.https().address().getPort(), folder.alice(), notice -> fail(notice))) {
            assertEquals("by gRPC", outputOf("by gRPC", grpc, https));
            assertEquals("by HTTPS", outputOf("by HTTPS", https, grpc));
        }
    }

    private static String outputOf(String word, JobWorker starter, JobWorker follower) throws Exception {
        Job job = starter.start(UUID.randomUUID(), JobSpec.of("printf", "%s", word));
        ByteArrayOutputStream output = new ByteArrayOutputStream();
        try (OutputReader reader = follower.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            OutputEvent.End end = reader.transferTo(output);
            assertEquals(end.job(), starter.get(job.id()));
        }
        return output.toString(UTF_8);
    }
}
