package dev.jobworker.https;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.Scheduler;

/**
 * Tells when the client of HTTP/1.1 closes its connection while it waits for an answer. HTTP/2 tells that itself; in HTTP/1.1 it shows only when
 * somebody reads, which Jetty does not before the answer is complete. So the connection is watched here, and is not used again.
 *
 * <p>Everything runs in Jetty's threads and does not block, nor may {@code onGone}. What the client sends on instead of closing is thrown away with the connection.
 */
final class Departure implements Callback {
    private static final long PAUSE_MILLIS = 100;
    private static final int THROWN_AWAY_AT_ONCE = 4 << 10;

    private final EndPoint endPoint;
    private final Scheduler scheduler;
    private final Runnable onGone;

    private Departure(EndPoint endPoint, Scheduler scheduler, Runnable onGone) {
        this.endPoint = endPoint;
        this.scheduler = scheduler;
        this.onGone = onGone;
    }

    /** Begins to watch, if this is HTTP/1: right before the answer is begun, which ends with the connection then. */
    static void watch(Request request, Response response, Runnable onGone) {
        HttpVersion version = request.getConnectionMetaData().getHttpVersion();
        if (version.getVersion() <= HttpVersion.HTTP_1_1.getVersion()) {
            response.getHeaders().put(HttpHeader.CONNECTION, "close");
            // The end of the connection alone would not tell a complete answer from a cut one.
            response.getHeaders().put(HttpHeader.TRANSFER_ENCODING, "chunked");
            EndPoint endPoint = request.getConnectionMetaData().getConnection().getEndPoint();
            endPoint.tryFillInterested(
                    new Departure(endPoint, request.getComponents().getScheduler(), onGone));
        }
    }

    /** There is something to read: an end, bytes, or a record of TLS itself. */
    @Override
    public void succeeded() {
        try {
            int count = endPoint.fill(BufferUtil.allocate(THROWN_AWAY_AT_ONCE));
            if (count < 0) {
                onGone.run();
            } else if (count == 0) {
                // TLS may have to write before it can read, and would call here again and again while the client takes
                // nothing.
                scheduler.schedule(() -> endPoint.tryFillInterested(this), PAUSE_MILLIS, TimeUnit.MILLISECONDS);
            } else {
                endPoint.tryFillInterested(this);
            }
        } catch (IOException broken) {
            onGone.run();
        }
    }

    @Override
    public void failed(Throwable failure) {
        if (failure instanceof TimeoutException && endPoint.isOpen()) {
            endPoint.tryFillInterested(this); // a silent job is no reason to end
        } else {
            onGone.run();
        }
    }

    @Override
    public InvocationType getInvocationType() {
        return InvocationType.NON_BLOCKING;
    }
}
