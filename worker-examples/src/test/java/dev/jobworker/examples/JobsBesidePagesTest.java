package dev.jobworker.examples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobEngine;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.https.HttpsJobWorker;
import dev.jobworker.testkit.TestPki;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class JobsBesidePagesTest {
    private TlsCredentials alice;
    private JobEngine engine;
    private JobsBesidePages application;

    @BeforeEach
    void serve(@TempDir Path directory) throws Exception {
        ExampleFolder folder = ExampleFolder.make(directory);
        alice = folder.alice();
        engine = folder.engine();
        application = JobsBesidePages.serve(directory, engine, 0);
    }

    @AfterEach
    void close() {
        application.close();
        engine.close();
    }

    private HttpResponse<String> get(String path) throws IOException, InterruptedException {
        try (HttpClient client = HttpClient.newBuilder()
                .sslContext(alice.sslContext())
                .sslParameters(TlsCredentials.parameters())
                .build()) {
            URI uri = URI.create("https://localhost:" + port() + path);
            return client.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString());
        }
    }

    private int port() {
        return application.server().getURI().getPort();
    }

    @Test
    void page_ofTheApplication_knowsTheCaller() throws Exception {
        HttpResponse<String> page = get("/");

        assertEquals(200, page.statusCode());
        assertEquals("Hello, " + TestPki.spiffeId("alice") + "\n", page.body());
    }

    @Test
    void job_besideThePage_runsAndIsFollowed() throws Exception {
        try (JobWorker worker = HttpsJobWorker.connect("localhost", port(), alice, notice -> fail(notice))) {
            Job job = worker.start(UUID.randomUUID(), JobSpec.of("echo", "hello"));
            ByteArrayOutputStream output = new ByteArrayOutputStream();
            try (OutputReader reader = worker.output(job.id(), OutputQuery.FOLLOW_ALL)) {
                assertEquals(reader.transferTo(output).job(), worker.get(job.id()));
            }
            assertEquals("hello\n", output.toString(UTF_8));
        }
    }

    @Test
    void path_ofNeither_isNotFound() throws Exception {
        assertEquals(404, get("/elsewhere").statusCode());
    }
}
