package dev.jobworker.benchmarks;

import dev.jobworker.api.auth.TlsCredentials;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.Flow;
import java.util.function.Consumer;

/** Gets bodies of one server, as cheaply as java.net.http can: in its own threads, without a copy. */
final class RawClient {
    private final URI base;
    private final HttpClient client;

    RawClient(int port, TlsCredentials credentials, HttpClient.Version version) {
        base = URI.create("https://localhost:" + port);
        client = HttpClient.newBuilder()
                .sslContext(credentials.sslContext())
                .sslParameters(TlsCredentials.parameters())
                .version(version)
                .build();
    }

    /** Returns when the whole body was given to {@code target}. */
    void get(String path, Consumer<ByteBuffer> target) throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(base.resolve(path)).build();
        HttpResponse<Void> response = client.send(request, BodyHandlers.fromSubscriber(new Body(target)));
        if (response.statusCode() != 200 || response.version() != client.version()) {
            throw new IllegalStateException("wrong answer: " + response + " by " + response.version());
        }
    }

    void close() {
        client.shutdownNow();
        client.close();
    }

    private record Body(Consumer<ByteBuffer> target) implements Flow.Subscriber<List<ByteBuffer>> {
        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(List<ByteBuffer> buffers) {
            buffers.forEach(target);
        }

        @Override
        public void onError(Throwable failure) {
            // Thrown by send.
        }

        @Override
        public void onComplete() {}
    }
}
