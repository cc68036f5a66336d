package dev.jobworker.grpc;

import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.TlsCredentials;
import java.io.IOException;
import java.net.InetSocketAddress;

/** Serves {@code jobworker.v1}, health and reflection over mutual TLS. */
public final class GrpcServer implements AutoCloseable {
    private GrpcServer() {}

    /** Binds {@code address} (port 0: any free one) and serves. */
    public static GrpcServer start(
            InetSocketAddress address, TlsCredentials credentials, JobWorkerAccess access, GrpcServerOptions options)
            throws IOException {
        throw new UnsupportedOperationException();
    }

    /** Returns the address that was bound. */
    public InetSocketAddress address() {
        throw new UnsupportedOperationException();
    }

    /** Stops accepting, ends open streams with SERVER_SHUTTING_DOWN, waits at most 10 s for calls, then cuts. */
    @Override
    public void close() {}
}
