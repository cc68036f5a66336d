package dev.jobworker.https;

import java.util.concurrent.CompletableFuture;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;

/**
 * Whether a client still waits for its answer, as far as HTTP tells: a stream that is reset, a connection of HTTP/2 that ends. {@link Departure} tells it
 * of HTTP/1.1. Thread-safe.
 */
final class Presence {
    private final CompletableFuture<Void> end = new CompletableFuture<>();

    /** Begins to look; for the handler that Jetty gives the request to, in that thread, since Jetty tells nobody later of what has happened already. */
    Presence(Request request) {
        // What happens before the handler is called fails the whole exchange; what happens while it is called, the
        // listener; and what came in between, who reads next. Those who have a body to read do so themselves.
        Request.addCompletionListener(request, failure -> {
            if (failure != null) {
                end.complete(null);
            }
        });
        request.addFailureListener(_ -> end.complete(null));
        if (!request.getMethod().equals("POST")) {
            Content.Chunk chunk = request.read();
            if (Content.Chunk.isFailure(chunk)) {
                end.complete(null);
            } else if (chunk != null) {
                chunk.release();
            }
        }
    }

    /** Runs {@code action} when the client is gone, at once if it is: in one of Jetty's threads, so it may not block. Also if the exchange fails otherwise. */
    void onEnd(Runnable action) {
        CompletableFuture<Void> _ = end.thenRun(action);
    }
}
