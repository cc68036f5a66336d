package dev.jobworker.https;

import dev.jobworker.api.WorkerException;
import dev.jobworker.api.transport.OutputCalls;
import dev.jobworker.core.OutputQuery;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.Semaphore;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import org.eclipse.jetty.http.HttpStatus;

/** Requests for the output of one job as events. Each has a virtual thread, which reads no event more than was asked for. */
final class HttpsOutputCalls implements OutputCalls {
    private static final int IN_FLIGHT = 2;
    private static final int MAX_PROBLEM_BYTES = 1 << 20;

    private final Supplier<HttpClient> clients;
    private final String server;
    private final Function<OutputQuery, HttpRequest.Builder> requests;
    private final Function<IOException, WorkerException> failures;
    private final BooleanSupplier closed;

    HttpsOutputCalls(
            Supplier<HttpClient> clients,
            String server,
            Function<OutputQuery, HttpRequest.Builder> requests,
            Function<IOException, WorkerException> failures,
            BooleanSupplier closed) {
        this.clients = clients;
        this.server = server;
        this.requests = requests;
        this.failures = failures;
        this.closed = closed;
    }

    @Override
    public Call open(OutputQuery query, Receiver receiver) {
        HttpRequest request =
                requests.apply(query).header("Accept", "text/event-stream").build();
        Semaphore wanted = new Semaphore(IN_FLIGHT);
        Thread thread = Thread.ofVirtual().name("https-output").start(() -> receive(request, wanted, receiver));
        return new Call() {
            @Override
            public void request() {
                wanted.release();
            }

            @Override
            public void cancel() {
                thread.interrupt();
            }
        };
    }

    @Override
    public boolean isClosed() {
        return closed.getAsBoolean();
    }

    private void receive(HttpRequest request, Semaphore wanted, Receiver receiver) {
        // A connection of its own: all streams of one share a window, which those that are not read on would fill for
        // the others.
        HttpClient client = clients.get();
        try {
            HttpResponse<InputStream> response = client.send(request, BodyHandlers.ofInputStream());
            receiver.reached();
            try (InputStream body = response.body()) {
                if (response.statusCode() != HttpStatus.OK_200) {
                    throw Problem.read(response.statusCode(), body.readNBytes(MAX_PROBLEM_BYTES), server);
                }
                EventStream.Reader events = new EventStream.Reader(body, server);
                while (true) {
                    wanted.acquire();
                    receiver.event(events.next());
                }
            }
        } catch (IOException failure) {
            receiver.ended(failures.apply(failure));
        } catch (WorkerException failure) {
            receiver.ended(failure);
        } catch (InterruptedException cancelled) {
            // Nobody waits for more.
        } finally {
            client.shutdownNow();
        }
    }
}
