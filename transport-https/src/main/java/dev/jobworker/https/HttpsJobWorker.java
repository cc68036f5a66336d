package dev.jobworker.https;

import com.google.protobuf.Message;
import dev.jobworker.api.CallerIdentity;
import dev.jobworker.api.JobPage;
import dev.jobworker.api.JobQuery;
import dev.jobworker.api.JobWorker;
import dev.jobworker.api.JsonWire;
import dev.jobworker.api.Reason;
import dev.jobworker.api.ServerInfo;
import dev.jobworker.api.Wire;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.api.transport.ConnectionFailure;
import dev.jobworker.api.transport.ResumingReader;
import dev.jobworker.api.transport.Retry;
import dev.jobworker.api.v1.GetCallerIdentityResponse;
import dev.jobworker.api.v1.GetServerInfoResponse;
import dev.jobworker.api.v1.ListJobsResponse;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.core.Signal;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A worker at the other end of HTTPS.
 *
 * <p>A call fails when there is no answer within 30 s. A call that may be repeated without harm ({@link #start} has its request id) is tried again,
 * twice and at once, when the connection fails; {@link #signal}, {@link #writeInput} and {@link #delete} are not. {@link #output} resumes, see {@link ResumingReader}.
 */
public final class HttpsJobWorker implements JobWorker {
    /** From the head of an answer to its end, when the head took all of the time. */
    private static final Duration READING = Duration.ofSeconds(10);

    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);
    /** A page of many jobs with the longest command lines is large. */
    private static final long MAX_ANSWER_BYTES = 64 << 20;

    private final String host;
    private final String server;
    private final URI base;
    private final TlsCredentials credentials;
    private final HttpClient.Version version;
    private final HttpClient client;
    /** Of outputs that are open. */
    private final Set<HttpClient> outputClients = ConcurrentHashMap.newKeySet();

    private final Consumer<String> notices;
    private final Retry retry;
    private volatile boolean closed;

    private HttpsJobWorker(
            String host,
            int port,
            TlsCredentials credentials,
            HttpClient.Version version,
            Consumer<String> notices,
            Retry retry) {
        this.host = host;
        this.server = host + ":" + port;
        this.base = URI.create("https://" + (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port);
        this.notices = notices;
        this.retry = retry;
        this.credentials = credentials;
        this.version = version;
        this.client = newClient();
    }

    private HttpClient newClient() {
        return HttpClient.newBuilder()
                .sslContext(credentials.sslContext())
                .sslParameters(TlsCredentials.parameters())
                .version(version)
                .proxy(HttpClient.Builder.NO_PROXY)
                .connectTimeout(CONNECT_TIMEOUT)
                .build();
    }

    /**
     * Returns a client of the server at {@code host:port}. Connects at the first call, by HTTP/2.
     *
     * @param notices told in one sentence when a broken stream is being resumed
     */
    public static JobWorker connect(String host, int port, TlsCredentials credentials, Consumer<String> notices) {
        return connect(host, port, credentials, HttpClient.Version.HTTP_2, notices, Retry.DEFAULTS);
    }

    static JobWorker connect(
            String host,
            int port,
            TlsCredentials credentials,
            HttpClient.Version version,
            Consumer<String> notices,
            Retry retry) {
        return new HttpsJobWorker(host, port, credentials, version, notices, retry);
    }

    @Override
    public Job start(UUID requestId, JobSpec spec) {
        HttpRequest request = request(Operation.START_JOB, "", "", Retry.DEADLINE)
                .header("Idempotency-Key", requestId.toString())
                .header("Content-Type", Exchange.JSON)
                .method(
                        "POST",
                        BodyPublishers.ofString(
                                JsonWire.request(Wire.startRequest(requestId, spec), Set.of("request_id"))))
                .build();
        return job(repeatable(() -> call(request)));
    }

    @Override
    public Job get(JobId id) {
        HttpRequest request =
                request(Operation.GET_JOB, id.toString(), "", Retry.DEADLINE).build();
        return job(repeatable(() -> call(request)));
    }

    @Override
    public Job await(JobId id, Duration maxWait) throws InterruptedException {
        Duration deadline = Retry.awaitDeadline(maxWait);
        return job(retry.await(
                maxWait,
                wait -> call(request(
                                Operation.GET_JOB,
                                id.toString(),
                                Parameters.OF_GET.write(Wire.awaitRequest(id, wait)),
                                deadline)
                        .build()),
                HttpsJobWorker::isConnectionLost,
                () -> {}));
    }

    @Override
    public JobPage list(JobQuery query) {
        HttpRequest request = request(
                        Operation.LIST_JOBS, "", Parameters.OF_LIST.write(Wire.listRequest(query)), Retry.DEADLINE)
                .build();
        return Wire.fromProto(JsonWire.readAnswer(repeatable(() -> call(request)), ListJobsResponse.newBuilder())
                .build());
    }

    @Override
    public Job stop(JobId id, @Nullable Duration gracePeriod) {
        HttpRequest request = order(Operation.STOP_JOB, id, Wire.stopRequest(id, gracePeriod));
        return job(repeatable(() -> call(request)));
    }

    @Override
    public Job signal(JobId id, Signal signal) {
        return job(call(order(Operation.SIGNAL_JOB, id, Wire.signalRequest(id, signal))));
    }

    /** There is no deadline: a job may read when it likes. */
    @Override
    public Job writeInput(JobId id, @Nullable Long offset, ByteBuffer bytes, boolean end) throws InterruptedException {
        String query = Parameters.OF_INPUT.write(
                Wire.inputRequest(id, offset).setEnd(end).build());
        HttpRequest request = request(Operation.WRITE_INPUT, id.toString(), query, null)
                .header("Content-Type", Exchange.BYTES)
                .method("POST", body(bytes))
                .build();
        try {
            return job(good(send(request, OutputReader.FOREVER)));
        } catch (IOException failure) {
            throw failed(failure);
        }
    }

    private static HttpRequest.BodyPublisher body(ByteBuffer bytes) {
        if (bytes.hasArray()) {
            return BodyPublishers.ofByteArray(bytes.array(), bytes.arrayOffset() + bytes.position(), bytes.remaining());
        }
        byte[] copy = new byte[bytes.remaining()];
        bytes.duplicate().get(copy);
        return BodyPublishers.ofByteArray(copy);
    }

    @Override
    public void delete(JobId id) {
        call(request(Operation.DELETE_JOB, id.toString(), "", Retry.DEADLINE).build());
    }

    @Override
    public OutputReader output(JobId id, OutputQuery query) {
        HttpsOutputCalls calls = new HttpsOutputCalls(
                this::newOutputClient,
                server,
                wanted -> request(
                        Operation.STREAM_OUTPUT,
                        id.toString(),
                        Parameters.OF_OUTPUT.write(Wire.outputRequest(id, wanted)),
                        null),
                this::failed,
                () -> closed);
        return new ResumingReader(calls, server, id, query, notices, retry);
    }

    private HttpClient newOutputClient() {
        outputClients.removeIf(HttpClient::isTerminated);
        HttpClient opened = newClient();
        outputClients.add(opened);
        if (closed) {
            opened.shutdownNow();
        }
        return opened;
    }

    @Override
    public CallerIdentity whoami() {
        HttpRequest request =
                request(Operation.GET_CALLER_IDENTITY, "", "", Retry.DEADLINE).build();
        return Wire.fromProto(
                JsonWire.readAnswer(repeatable(() -> call(request)), GetCallerIdentityResponse.newBuilder())
                        .build());
    }

    @Override
    public ServerInfo serverInfo() {
        HttpRequest request =
                request(Operation.GET_SERVER_INFO, "", "", Retry.DEADLINE).build();
        return Wire.fromProto(JsonWire.readAnswer(repeatable(() -> call(request)), GetServerInfoResponse.newBuilder())
                .build());
    }

    /** Ends open calls and closes the connections. */
    @Override
    public void close() {
        closed = true;
        outputClients.forEach(HttpClient::shutdownNow);
        client.shutdownNow();
        client.close();
    }

    private HttpRequest.Builder request(Operation operation, String jobId, String query, @Nullable Duration deadline) {
        HttpRequest.Builder request = HttpRequest.newBuilder(base.resolve(operation.path(jobId) + query))
                .method(operation.method(), BodyPublishers.noBody());
        return deadline == null ? request : request.timeout(deadline);
    }

    private HttpRequest order(Operation operation, JobId id, Message order) {
        return request(operation, id.toString(), "", Retry.DEADLINE)
                .header("Content-Type", Exchange.JSON)
                .method("POST", BodyPublishers.ofString(JsonWire.request(order, Set.of("job_id"))))
                .build();
    }

    private static Job job(byte[] answer) {
        return Wire.fromProto(JsonWire.readAnswer(answer, dev.jobworker.api.v1.Job.newBuilder())
                .build());
    }

    /** Returns the body of a good answer. */
    private byte[] call(HttpRequest request) {
        try {
            // The deadline of the request is for the head of its answer alone; so it is used once more, for all of it.
            return good(send(request, request.timeout().orElse(Retry.DEADLINE).plus(READING)));
        } catch (IOException failure) {
            throw failed(failure);
        } catch (InterruptedException ended) {
            Thread.currentThread().interrupt();
            throw new WorkerException(Reason.CONNECTION_FAILED, "the call was interrupted", Map.of(), ended);
        }
    }

    private byte[] good(HttpResponse<byte[]> response) {
        if (response.statusCode() / 100 == 2) {
            return response.body();
        }
        throw Problem.read(response.statusCode(), response.body(), server);
    }

    private HttpResponse<byte[]> send(HttpRequest request, Duration deadline) throws IOException, InterruptedException {
        CompletableFuture<HttpResponse<byte[]>> response =
                client.sendAsync(request, BodyHandlers.limiting(BodyHandlers.ofByteArray(), MAX_ANSWER_BYTES));
        try {
            return response.get(deadline.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException stalled) {
            throw new HttpTimeoutException("the answer stopped before its end");
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof IOException io) {
                throw io;
            }
            throw new IOException(failed.getCause());
        } finally {
            response.cancel(true);
        }
    }

    private WorkerException failed(IOException failure) {
        if (isTimeout(failure)) {
            return new WorkerException(Reason.CONNECTION_FAILED, server + " did not answer in time", Map.of(), failure);
        }
        String message = failure.getMessage();
        if (message == null) {
            message = failure instanceof ConnectException ? whyNoConnection() : failure.toString();
        }
        return ConnectionFailure.of(new IOException(message, failure), message, server);
    }

    /** Asks a plain socket: java.net.http does not tell. */
    private String whyNoConnection() {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(host, base.getPort()), (int) CONNECT_TIMEOUT.toMillis());
            return "it is there again";
        } catch (IOException why) {
            return String.valueOf(why.getMessage());
        }
    }

    private static boolean isTimeout(@Nullable Throwable failure) {
        return failure instanceof HttpTimeoutException && !(failure instanceof HttpConnectTimeoutException);
    }

    private byte[] repeatable(Supplier<byte[]> call) {
        return retry.repeat(call, HttpsJobWorker::isConnectionLost, () -> {});
    }

    private static boolean isConnectionLost(WorkerException failure) {
        Throwable cause = failure.getCause();
        return failure.reason() == Reason.CONNECTION_FAILED && cause instanceof IOException && !isTimeout(cause);
    }
}
