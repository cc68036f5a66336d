package dev.jobworker.https;

import dev.jobworker.api.CoreFailures;
import dev.jobworker.api.JobWorker;
import dev.jobworker.api.JsonWire;
import dev.jobworker.api.Reason;
import dev.jobworker.api.Wire;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.auth.Identity;
import dev.jobworker.api.auth.Interruption;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.transport.RequestReception;
import dev.jobworker.api.transport.WaitingCalls;
import dev.jobworker.api.v1.GetJobRequest;
import dev.jobworker.api.v1.ListJobsRequest;
import dev.jobworker.api.v1.SignalJobRequest;
import dev.jobworker.api.v1.StartJobRequest;
import dev.jobworker.api.v1.StopJobRequest;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobInput;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import javax.net.ssl.SSLSession;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.EndPoint.SslSessionData;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.component.Graceful;

/**
 * Answers requests under {@code /v1/}, and leaves all others to the handlers after it. Goes into any Jetty server whose connections come from
 * {@link HttpsConnector}, which asks clients for their certificates; a request on another connection is an INTERNAL error. {@link HttpsServer#errorHandler}
 * gives the same form to errors that Jetty itself finds.
 *
 * <p>Start reading here: who asks ({@link #caller}), what for ({@link Operation}), may he; then the answer. Each request has a virtual thread, which may
 * block. The order is that of gRPC: who may not have what he asks for is refused before anything of his request is read.
 */
public final class JobHandler extends Handler.Abstract implements Graceful {
    private static final Duration HEARTBEAT = Duration.ofSeconds(15);
    private static final String IDENTITY = Identity.class.getName();
    private static final String PREFIX = "/v1/";
    private static final String IDEMPOTENCY_KEY = "Idempotency-Key";
    /** The input in base64, and what {@link dev.jobworker.core.JobSpec} allows, well under 1 MiB. */
    private static final int MAX_START_BYTES = JobInput.MAX_BYTES / 3 * 4 + (1 << 20);

    private static final int MAX_BODY_BYTES = 8 << 10;
    private static final String SERVING = "{\"status\":\"SERVING\"}\n";

    private final JobWorkerAccess access;
    private final RequestReception reception;
    private final Duration heartbeat;
    private final WaitingCalls waitingCalls = new WaitingCalls();
    // Set once.
    private volatile boolean shutDown;

    public JobHandler(JobWorkerAccess access) {
        this(access, HEARTBEAT, new RequestReception());
    }

    JobHandler(JobWorkerAccess access, Duration heartbeat, RequestReception reception) {
        super(InvocationType.NON_BLOCKING);
        this.access = access;
        this.heartbeat = heartbeat;
        this.reception = reception;
    }

    /** Ends requests that wait, present and future ones, with SERVER_SHUTTING_DOWN. Called by a server that stops gracefully. */
    @Override
    public CompletableFuture<Void> shutdown() {
        shutDown = true;
        waitingCalls.shutDown();
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public boolean isShutdown() {
        return shutDown;
    }

    /** Returns the number of requests that wait for something now. */
    int waitingCalls() {
        return waitingCalls.size();
    }

    @Override
    protected void doStop() throws Exception {
        CompletableFuture<Void> _ = shutdown();
        reception.close();
        super.doStop();
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        String path = Request.getPathInContext(request);
        if (!path.startsWith(PREFIX)) {
            return false;
        }
        Presence client = new Presence(request);
        // Jetty's own threads are few, and it may call a handler in one of them whatever that declares.
        Thread.ofVirtual().name("https-request").start(() -> serve(request, response, callback, client, path));
        return true;
    }

    private void serve(Request request, Response response, Callback callback, Presence client, String path) {
        UUID id = UUID.randomUUID();
        String reader = ""; // of those whose certificates are refused
        try {
            checkVersion(request);
            Identity caller = caller(request, id);
            reader = caller.spiffeId();
            Operation operation = operation(request, path);
            access.precheck(caller, operation.action(), id);
            checkSite(request, caller, operation, id);
            String key = request.getHeaders().get(IDEMPOTENCY_KEY);
            id = operation == Operation.START_JOB && key != null ? Wire.requestId(key) : id;
            Exchange exchange = new Exchange(request, response, callback, client, access, caller, id);
            answer(operation, exchange, path);
        } catch (WorkerException failure) {
            passOver(request, reader);
            Exchange.fail(request, response, callback, failure, id);
        } catch (InterruptedException ended) {
            Exchange.fail(request, response, callback, WaitingCalls.shuttingDown(), id);
        } catch (IOException clientGone) {
            callback.failed(clientGone);
        } catch (RuntimeException | Error defect) {
            Exchange.fail(request, response, callback, CoreFailures.internal(defect), id);
        }
    }

    /**
     * Reads what is left of a body, as long as that is one that this interface takes, and throws it away: a connection of HTTP/1.1 that is closed while
     * the client still writes loses the answer on its way. Not if the client waits for a word before it sends the body.
     */
    private void passOver(Request request, String reader) {
        boolean awaited = request.getHeaders().contains(HttpHeader.EXPECT);
        if (request.getMethod().equals("POST") && request.getLength() <= MAX_START_BYTES && !awaited) {
            Exchange.passOver(request, reader, reception, MAX_START_BYTES);
        }
    }

    /**
     * Returns who sends a request, also one that is not for this handler.
     *
     * @throws WorkerException CERTIFICATE_REJECTED with the rule that the certificate breaks
     * @throws IllegalStateException if the connection is not one of {@link HttpsConnector}
     */
    public Identity caller(Request request) {
        return caller(request, UUID.randomUUID());
    }

    private Identity caller(Request request, UUID id) {
        if (!(request.getAttribute(SslSessionData.ATTRIBUTE) instanceof SslSessionData tls)) {
            throw new IllegalStateException("a connection without TLS");
        }
        // Sessions are never resumed, so this is once a connection; that the identity is still good is checked at every
        // request.
        SSLSession session = tls.sslSession();
        if (session.getValue(IDENTITY) instanceof Identity known) {
            return known;
        }
        X509Certificate[] chain = tls.peerCertificates();
        if (chain == null || chain.length == 0) {
            throw new IllegalStateException("a handshake without a client certificate");
        }
        Identity identity = access.authenticate(chain[0], id);
        session.putValue(IDENTITY, identity);
        return identity;
    }

    /** In HTTP/1.0 an answer without a length ends with its connection: a cut one would look complete. */
    private static void checkVersion(Request request) {
        if (request.getConnectionMetaData().getHttpVersion().getVersion() < HttpVersion.HTTP_1_1.getVersion()) {
            throw new WorkerException(Reason.MALFORMED_BODY, "HTTP/1.1 or later is spoken here");
        }
    }

    /** Refuses what a page of another site makes a browser send: it would come with the certificate of the browser's user. */
    private void checkSite(Request request, Identity caller, Operation operation, UUID id) {
        String site = request.getHeaders().get("Sec-Fetch-Site");
        if (site != null && !site.equals("same-origin") && !site.equals("none")) {
            throw access.deny(
                    caller,
                    operation.action(),
                    id,
                    new WorkerException(Reason.PERMISSION_DENIED, "the request comes from a page of another site"));
        }
    }

    private static Operation operation(Request request, String path) {
        // What is percent-encoded or has dots in it has another path than it looks like.
        String context = request.getContext().getContextPath();
        boolean plain = ((context == null || context.equals("/") ? "" : context) + path)
                .equals(request.getHttpURI().getPath());
        List<Operation> here = plain ? Operation.at(path) : List.of();
        if (here.isEmpty()) {
            throw new WorkerException(Reason.UNKNOWN_PATH, "there is nothing at this path");
        }
        return here.stream()
                .filter(operation -> operation.answers(request.getMethod()))
                .findFirst()
                .orElseThrow(() -> {
                    String allowed = here.stream().map(Operation::method).collect(Collectors.joining(", "));
                    return new WorkerException(
                            Reason.METHOD_NOT_ALLOWED,
                            "this path answers to " + allowed,
                            Map.of("allow", allowed),
                            null);
                });
    }

    private void answer(Operation operation, Exchange exchange, String path) throws InterruptedException, IOException {
        JobWorker worker = exchange.worker();
        if (operation.parameters() == Parameters.NONE) {
            Parameters.NONE.read(exchange.query(), GetJobRequest.newBuilder());
        }
        switch (operation) {
            case START_JOB -> start(exchange);
            case LIST_JOBS -> {
                ListJobsRequest request = Parameters.OF_LIST
                        .read(exchange.query(), ListJobsRequest.newBuilder())
                        .build();
                exchange.answer(HttpStatus.OK_200, Wire.toProto(worker.list(Wire.query(request))));
            }
            case GET_JOB -> get(exchange, jobId(operation, path));
            case DELETE_JOB -> {
                worker.delete(jobId(operation, path));
                Exchange.addCommonHeaders(exchange.response);
                exchange.response.setStatus(HttpStatus.NO_CONTENT_204);
                exchange.callback().succeeded();
            }
            case STOP_JOB -> {
                byte[] body = exchange.body(reception, MAX_BODY_BYTES, true);
                StopJobRequest request = JsonWire.readRequest(body, StopJobRequest.newBuilder(), Set.of("job_id"))
                        .build();
                Job job = worker.stop(jobId(operation, path), Wire.gracePeriod(request));
                exchange.answer(HttpStatus.OK_200, Wire.toProto(job));
            }
            case SIGNAL_JOB -> {
                byte[] body = exchange.body(reception, MAX_BODY_BYTES, false);
                SignalJobRequest request = JsonWire.readRequest(body, SignalJobRequest.newBuilder(), Set.of("job_id"))
                        .build();
                Job job = worker.signal(jobId(operation, path), Wire.signal(request.getSignal()));
                exchange.answer(HttpStatus.OK_200, Wire.toProto(job));
            }
            case WRITE_INPUT -> new InputExchange(exchange, jobId(operation, path), waitingCalls, reception).run();
            case STREAM_OUTPUT -> new OutputExchange(exchange, jobId(operation, path), heartbeat, waitingCalls).run();
            case GET_CALLER_IDENTITY -> exchange.answer(HttpStatus.OK_200, Wire.toProto(worker.whoami()));
            case GET_SERVER_INFO -> exchange.answer(HttpStatus.OK_200, Wire.toProto(worker.serverInfo()));
            case GET_OPEN_API -> exchange.answer(HttpStatus.OK_200, Exchange.JSON, OpenApi.document());
            case GET_LIVENESS -> exchange.answer(HttpStatus.OK_200, Exchange.JSON, SERVING);
            case GET_READINESS -> {
                if (shutDown) {
                    throw WaitingCalls.shuttingDown();
                }
                exchange.answer(HttpStatus.OK_200, Exchange.JSON, SERVING);
            }
        }
    }

    private static JobId jobId(Operation operation, String path) {
        return Wire.jobId(Objects.requireNonNull(operation.jobId(path)));
    }

    private void start(Exchange exchange) {
        // Jobs keep microseconds of their time of creation.
        Instant received = Instant.now().truncatedTo(ChronoUnit.MICROS);
        StartJobRequest request = JsonWire.readRequest(
                        exchange.body(reception, MAX_START_BYTES, false),
                        StartJobRequest.newBuilder(),
                        Set.of("request_id"))
                .build();
        Job job = exchange.worker().start(exchange.id(), Wire.spec(request));
        boolean replay =
                exchange.header(IDEMPOTENCY_KEY) != null && job.createTime().isBefore(received);
        exchange.response
                .getHeaders()
                .put(HttpHeader.LOCATION, Operation.GET_JOB.path(job.id().toString()));
        exchange.answer(replay ? HttpStatus.OK_200 : HttpStatus.CREATED_201, Wire.toProto(job));
    }

    private void get(Exchange exchange, JobId id) throws InterruptedException {
        GetJobRequest request = Parameters.OF_GET
                .read(exchange.query(), GetJobRequest.newBuilder())
                .build();
        Job job = request.hasWaitTerminal()
                ? await(exchange, id, Wire.waitTerminal(request))
                : exchange.worker().get(id);
        exchange.answer(HttpStatus.OK_200, Wire.toProto(job));
    }

    /** Waits until the job is final, the client goes away as far as HTTP tells, or the server shuts down. */
    private Job await(Exchange exchange, JobId id, Duration maxWait) throws InterruptedException {
        Interruption interruption = new Interruption();
        Runnable ender = () -> interruption.interrupt(WaitingCalls.shuttingDown());
        exchange.request.addIdleTimeoutListener(_ -> false);
        exchange.client().onEnd(ender);
        waitingCalls.add(ender);
        try {
            return exchange.worker().await(id, maxWait);
        } finally {
            waitingCalls.remove(ender);
            WorkerException _ = interruption.end();
        }
    }

    /** The description of this interface. */
    private static final class OpenApi {
        private static final String DOCUMENT = read();

        static String document() {
            return DOCUMENT;
        }

        private static String read() {
            try (InputStream in = Objects.requireNonNull(JobHandler.class.getResourceAsStream("openapi.json"))) {
                return new String(in.readAllBytes(), StandardCharsets.UTF_8);
            } catch (IOException unreadable) {
                throw new IllegalStateException("openapi.json", unreadable);
            }
        }
    }
}
