package dev.jobworker.grpc;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.auth.TlsCredentials;
import java.util.function.Consumer;

/** A worker at the other end of a gRPC connection. */
public final class GrpcJobWorker {
    private GrpcJobWorker() {}

    /**
     * Returns a client of the server at {@code host:port}. Connects at the first call.
     *
     * @param notices told in one sentence when a broken stream is being resumed
     */
    public static JobWorker connect(String host, int port, TlsCredentials credentials, Consumer<String> notices) {
        throw new UnsupportedOperationException();
    }
}
