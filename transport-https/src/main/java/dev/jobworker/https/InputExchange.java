package dev.jobworker.https;

import dev.jobworker.api.Reason;
import dev.jobworker.api.Wire;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.auth.AdmissionWatch;
import dev.jobworker.api.auth.InputWriter;
import dev.jobworker.api.auth.Interruption;
import dev.jobworker.api.transport.RequestReception;
import dev.jobworker.api.transport.WaitingCalls;
import dev.jobworker.api.v1.WriteInputRequest;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Map;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Request;
import org.jspecify.annotations.Nullable;

/**
 * One request that writes input, and its thread: read a piece of the body, give it to the job, read the next one. So a job that does not read costs one
 * piece and the connection's window, and holds the client.
 *
 * <p>The body may have any length and take any time, so the limits of other bodies are not for it: what one identity has open is counted instead. While the
 * job takes its time nothing is too late; a client that sends nothing meets the idle timeout of its connection.
 */
final class InputExchange {
    /** What the job's own side takes at once. */
    private static final int PIECE_BYTES = 64 << 10;

    private final Exchange exchange;
    private final JobId job;
    private final WaitingCalls waitingCalls;
    private final RequestReception reception;
    private final Interruption interruption = new Interruption();
    /** Why it was ended from outside. Set once. */
    private volatile @Nullable WorkerException why;

    InputExchange(Exchange exchange, JobId job, WaitingCalls waitingCalls, RequestReception reception) {
        this.exchange = exchange;
        this.job = job;
        this.waitingCalls = waitingCalls;
        this.reception = reception;
    }

    void run() throws InterruptedException {
        WriteInputRequest request = Parameters.OF_INPUT
                .read(exchange.query(), WriteInputRequest.newBuilder())
                .build();
        exchange.checkContent(Exchange.BYTES);
        try (InputWriter input = exchange.input(job)) {
            exchange.request.addIdleTimeoutListener(_ -> false); // a job that does not read is no reason to end
            exchange.client().onEnd(() -> interruption.interrupt(gone(null)));
            Job written;
            try {
                written = write(input, request);
            } catch (WorkerException failure) {
                exchange.refuse(failure, reception);
                return;
            }
            exchange.answer(HttpStatus.OK_200, Wire.toProto(written));
        }
    }

    private Job write(InputWriter input, WriteInputRequest request) {
        Runnable ender = () -> end(WaitingCalls.shuttingDown());
        waitingCalls.add(ender);
        try (AdmissionWatch _ = new AdmissionWatch(exchange::admittedFor, this::end)) {
            // Not closed: that would cut what is left of the body, and the answer with it.
            InputStream body = Request.asInputStream(exchange.request);
            return write(input, body, Wire.inputOffset(request), request.getEnd());
        } catch (IOException | InterruptedException failed) {
            WorkerException reason = why;
            throw reason == null ? gone(failed) : reason;
        } finally {
            waitingCalls.remove(ender);
            WorkerException _ = interruption.end();
        }
    }

    private static Job write(InputWriter input, InputStream body, @Nullable Long begin, boolean end)
            throws IOException, InterruptedException {
        byte[] piece = new byte[PIECE_BYTES];
        Long offset = begin;
        for (int size = read(body, piece); size > 0; size = read(body, piece)) {
            Job _ = input.write(offset, ByteBuffer.wrap(piece, 0, size), false);
            offset = offset == null ? null : (Long) (offset + size);
        }
        return input.write(offset, ByteBuffer.wrap(piece, 0, 0), end);
    }

    /** Waits for some bytes and takes what is there with them; 0 at the end. */
    private static int read(InputStream body, byte[] into) throws IOException {
        int size = Math.max(0, body.read(into));
        while (size > 0 && size < into.length && body.available() > 0) {
            size += Math.max(0, body.read(into, size, into.length - size));
        }
        return size;
    }

    /** Ends the request from outside: what waits for the client fails, what waits for the job is interrupted. */
    private void end(WorkerException reason) {
        why = reason;
        exchange.request.fail(reason);
        interruption.interrupt(reason);
    }

    private static WorkerException gone(@Nullable Exception cause) {
        return new WorkerException(Reason.MALFORMED_BODY, "the body ended early", Map.of(), cause);
    }
}
