package dev.jobworker.https;

import com.google.protobuf.MessageOrBuilder;
import dev.jobworker.api.JobWorker;
import dev.jobworker.api.JsonWire;
import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.auth.Identity;
import dev.jobworker.api.auth.InputWriter;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.transport.RequestReception;
import dev.jobworker.core.JobId;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.Fields;
import org.jspecify.annotations.Nullable;

/** One request of one caller and its answer. For the thread that handles it. */
final class Exchange {
    static final String JSON = "application/json";
    static final String BYTES = "application/octet-stream";

    private static final int RETRY_AFTER_SECONDS = 1;

    final Request request;
    final Response response;
    private final Callback callback;
    private final Presence client;
    private final JobWorkerAccess access;
    private final Identity caller;
    private final UUID id;

    Exchange(
            Request request,
            Response response,
            Callback callback,
            Presence client,
            JobWorkerAccess access,
            Identity caller,
            UUID id) {
        this.request = request;
        this.response = response;
        this.callback = callback;
        this.client = client;
        this.access = access;
        this.caller = caller;
        this.id = id;
    }

    /** Returns the worker as the caller may use it for this request. */
    JobWorker worker() {
        return access.as(caller, id);
    }

    /** Returns how long the caller will still be admitted; throws if it is not any more. */
    Duration admittedFor() {
        return access.admittedFor(caller);
    }

    /** Returns the id of the request, which is in the audit log. */
    UUID id() {
        return id;
    }

    Callback callback() {
        return callback;
    }

    /** Tells when the client does not wait for the answer any more. */
    Presence client() {
        return client;
    }

    /** Opens the input of a job for this request. */
    InputWriter input(JobId job) {
        return access.input(caller, id, job);
    }

    boolean isHead() {
        return request.getMethod().equals("HEAD");
    }

    @Nullable
    String header(String name) {
        return request.getHeaders().get(name);
    }

    Fields query() {
        try {
            return Request.extractQueryParameters(request, StandardCharsets.UTF_8);
        } catch (RuntimeException malformed) {
            throw new WorkerException(Reason.MALFORMED_BODY, "the query is not percent-encoded UTF-8");
        }
    }

    /**
     * Reads a body of JSON; nothing is an empty object, if {@code mayBeAbsent}.
     *
     * @param maxBytes a longer one is BODY_TOO_LARGE
     */
    byte[] body(RequestReception reception, int maxBytes, boolean mayBeAbsent) {
        boolean absent = mayBeAbsent
                && request.getLength() <= 0
                && header(HttpHeader.CONTENT_TYPE.asString()) == null
                && header(HttpHeader.TRANSFER_ENCODING.asString()) == null;
        if (!absent) {
            checkContent(JSON);
        }
        if (request.getLength() > maxBytes) {
            throw tooLarge(maxBytes);
        }
        RequestReception.Turn turn = reception.await(caller.spiffeId(), () -> request.fail(RequestReception.tooSlow()));
        try (InputStream in = Request.asInputStream(request)) {
            byte[] body = in.readNBytes(maxBytes + 1);
            if (body.length > maxBytes) {
                throw tooLarge(maxBytes);
            }
            return absent && body.length == 0 ? "{}".getBytes(StandardCharsets.UTF_8) : body;
        } catch (IOException failed) {
            throw turn.end()
                    ? new WorkerException(Reason.MALFORMED_BODY, "the body ended early", Map.of(), failed)
                    : RequestReception.tooSlow();
        } finally {
            turn.end();
        }
    }

    /** Checks that the body is what it should be, and not compressed. */
    void checkContent(String wanted) {
        String encoding = header(HttpHeader.CONTENT_ENCODING.asString());
        if (encoding != null && !encoding.equalsIgnoreCase("identity")) {
            throw new WorkerException(Reason.UNSUPPORTED_MEDIA_TYPE, "the body is compressed: " + encoding);
        }
        String type = header(HttpHeader.CONTENT_TYPE.asString());
        String plain = type == null ? "" : type.replace(" ", "").toLowerCase(Locale.ROOT);
        if (!plain.equals(wanted) && !(wanted.equals(JSON) && plain.equals(JSON + ";charset=utf-8"))) {
            throw new WorkerException(
                    Reason.UNSUPPORTED_MEDIA_TYPE,
                    "the body is " + (type == null ? "of no type" : type) + ", not " + wanted);
        }
    }

    private static WorkerException tooLarge(int maxBytes) {
        return new WorkerException(Reason.BODY_TOO_LARGE, "the body has more than " + maxBytes + " bytes");
    }

    /**
     * Answers with an error while the body is still coming, and throws away what does: a connection of HTTP/1.1 that is closed while the client still
     * writes loses the answer on its way.
     */
    void refuse(WorkerException failure, RequestReception reception) throws InterruptedException {
        Callback.Completable answered = new Callback.Completable();
        fail(request, response, answered, failure, id);
        try {
            answered.get();
            passOver(request, caller.spiffeId(), reception, Long.MAX_VALUE);
            callback.succeeded();
        } catch (ExecutionException gone) {
            callback.failed(gone.getCause());
        }
    }

    /** Reads and throws away at most so many bytes of a body, as long as a request may take to come. */
    static void passOver(Request request, String reader, RequestReception reception, long maxBytes) {
        try (RequestReception.Turn _ = reception.await(reader, () -> request.fail(RequestReception.tooSlow()));
                InputStream rest = Request.asInputStream(request)) {
            rest.skipNBytes(maxBytes);
        } catch (IOException | WorkerException endedOrFailed) {
            // Then there is nothing left, or nobody who would wait for the answer.
        }
    }

    /** Answers with a message. */
    void answer(int status, MessageOrBuilder message) {
        answer(status, JSON, JsonWire.line(message) + "\n");
    }

    void answer(int status, String mediaType, String body) {
        answer(response, callback, status, mediaType, body);
    }

    static void answer(Response response, Callback callback, int status, String mediaType, String body) {
        response.setStatus(status);
        addCommonHeaders(response);
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, mediaType);
        response.write(true, StandardCharsets.UTF_8.encode(body), callback);
    }

    /** Nothing here is for caches, nor for guesses about what it is. */
    static void addCommonHeaders(Response response) {
        response.getHeaders().put(HttpHeader.CACHE_CONTROL, "no-store");
        response.getHeaders().put("X-Content-Type-Options", "nosniff");
    }

    /** Answers with an error; if the answer has begun, cuts it, so that nobody takes it for complete. */
    static void fail(Request request, Response response, Callback callback, WorkerException failure, UUID id) {
        if (response.isCommitted()) {
            callback.failed(new IOException(failure.reason().name()));
            return;
        }
        Problem problem = Problem.of(failure, id);
        response.reset();
        addHeaders(response, failure);
        answer(response, callback, problem.status(), Problem.MEDIA_TYPE, problem.body());
    }

    /** Says in headers what belongs to some reasons. */
    static void addHeaders(Response response, WorkerException failure) {
        switch (failure.reason()) {
            case QUOTA_EXCEEDED, SERVER_OVERLOADED, SERVER_SHUTTING_DOWN, AUDIT_UNAVAILABLE ->
                response.getHeaders().put(HttpHeader.RETRY_AFTER, RETRY_AFTER_SECONDS);
            case OFFSET_OUT_OF_RANGE -> {
                String size = failure.details().get("size");
                response.getHeaders().put(HttpHeader.CONTENT_RANGE, "bytes */" + (size == null ? "*" : size));
            }
            case METHOD_NOT_ALLOWED ->
                response.getHeaders().put(HttpHeader.ALLOW, failure.details().get("allow"));
            default -> {}
        }
    }
}
