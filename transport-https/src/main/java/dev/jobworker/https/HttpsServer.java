package dev.jobworker.https;

import dev.jobworker.api.CoreFailures;
import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.TlsCredentials;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.EofException;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.server.handler.GracefulHandler;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/**
 * Serves {@code /v1} over mutual TLS: {@link JobHandler} behind {@link HttpsConnector}, and nothing else. Every error is a problem of RFC 9457 with a
 * reason, also those that Jetty finds before the handler is asked.
 */
public final class HttpsServer implements AutoCloseable {
    private static final Duration CLOSE_GRACE_PERIOD = Duration.ofSeconds(10);
    /** For connections; requests have threads of their own. */
    private static final int MAX_THREADS = 16;

    private final Server server;
    private final JobHandler handler;
    private final InetSocketAddress address;

    private HttpsServer(Server server, JobHandler handler, InetSocketAddress address) {
        this.server = server;
        this.handler = handler;
        this.address = address;
    }

    /** Binds {@code address} (port 0: any free one) and serves. */
    public static HttpsServer start(
            InetSocketAddress address, TlsCredentials credentials, JobWorkerAccess access, HttpsServerOptions options)
            throws IOException {
        Server server = server();
        return start(
                server,
                HttpsConnector.create(server, address, credentials, access, options),
                new JobHandler(access),
                UnaryOperator.identity());
    }

    static Server server() {
        QueuedThreadPool threads = new QueuedThreadPool(MAX_THREADS);
        threads.setName("jobworker-https");
        threads.setDaemon(true);
        return new Server(threads);
    }

    /** Returns what gives the errors of Jetty itself their problem. */
    public static Request.Handler errorHandler() {
        return new Errors();
    }

    /** @param around puts the handler of all requests into another one */
    static HttpsServer start(
            Server server, ServerConnector connector, JobHandler handler, UnaryOperator<Handler> around)
            throws IOException {
        server.addConnector(connector);
        server.setHandler(around.apply(new GracefulHandler(handler)));
        server.setErrorHandler(errorHandler());
        try {
            server.start();
        } catch (IOException cannotBind) {
            stop(server, Duration.ZERO);
            throw cannotBind;
        } catch (Exception defect) {
            stop(server, Duration.ZERO);
            throw new IllegalStateException("cannot start the server", defect);
        }
        return new HttpsServer(server, handler, new InetSocketAddress(connector.getHost(), connector.getLocalPort()));
    }

    /** Returns the address that was bound. */
    public InetSocketAddress address() {
        return address;
    }

    /** Returns the number of requests that wait for something now. */
    int waitingCalls() {
        return handler.waitingCalls();
    }

    /** Stops accepting, ends open streams with SERVER_SHUTTING_DOWN, waits at most 10 s for requests, then cuts. */
    @Override
    public void close() {
        close(CLOSE_GRACE_PERIOD);
    }

    void close(Duration gracePeriod) {
        stop(server, gracePeriod);
    }

    private static void stop(Server server, Duration gracePeriod) {
        server.setStopTimeout(gracePeriod.toMillis());
        try {
            server.stop();
        } catch (Exception notInTime) {
            System.getLogger(HttpsServer.class.getName())
                    .log(System.Logger.Level.DEBUG, "requests were cut at the end", notInTime);
        }
    }

    private static final class Errors extends ErrorHandler {
        @Override
        public boolean handle(Request request, Response response, Callback callback) {
            Throwable cause = (Throwable) request.getAttribute(ErrorHandler.ERROR_EXCEPTION);
            if (cause instanceof EofException) {
                callback.failed(cause); // the client is gone
                return true;
            }
            int status = cause instanceof HttpException http ? http.getCode() : response.getStatus();
            String why = cause instanceof HttpException http && http.getReason() != null
                    ? http.getReason()
                    : HttpStatus.getMessage(status);
            WorkerException failure = switch (status) {
                case HttpStatus.NOT_FOUND_404 ->
                    new WorkerException(Reason.UNKNOWN_PATH, "there is nothing at this path");
                case HttpStatus.PAYLOAD_TOO_LARGE_413,
                        HttpStatus.URI_TOO_LONG_414,
                        HttpStatus.REQUEST_HEADER_FIELDS_TOO_LARGE_431 ->
                    new WorkerException(Reason.BODY_TOO_LARGE, why);
                case HttpStatus.SERVICE_UNAVAILABLE_503 ->
                    new WorkerException(Reason.SERVER_SHUTTING_DOWN, "the server is shutting down");
                default ->
                    cause instanceof HttpException || HttpStatus.isClientError(status)
                            ? new WorkerException(
                                    Reason.MALFORMED_BODY, "the request is malformed: " + why, Map.of(), cause)
                            : CoreFailures.internal(cause == null ? new IllegalStateException(why) : cause);
            };
            Problem problem = Problem.of(failure, UUID.randomUUID(), status);
            Exchange.addHeaders(response, failure);
            Exchange.answer(response, callback, status, Problem.MEDIA_TYPE, problem.body());
            return true;
        }
    }
}
