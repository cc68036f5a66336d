package dev.jobworker.grpc;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.api.transport.RequestReception;
import dev.jobworker.api.transport.Retry;
import dev.jobworker.testkit.Transport;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** The transport of this module, for the kit. */
record GrpcTransport(GrpcServerOptions options, Duration heartbeat, Supplier<RequestReception> receptions)
        implements Transport {
    static final GrpcTransport DEFAULT =
            new GrpcTransport(GrpcServerOptions.DEFAULTS, Duration.ofSeconds(15), RequestReception::new);

    @Override
    public Listening serve(InetSocketAddress address, TlsCredentials credentials, JobWorkerAccess access)
            throws IOException {
        return new Serving(GrpcServer.start(address, credentials, access, options, heartbeat, receptions.get()));
    }

    @Override
    public JobWorker connect(String host, int port, TlsCredentials credentials, Consumer<String> notices, Retry retry) {
        return GrpcJobWorker.connect(host, port, credentials, notices, retry);
    }

    record Serving(GrpcServer server) implements Listening {
        @Override
        public InetSocketAddress address() {
            return server.address();
        }

        @Override
        public int waitingCalls() {
            return server.waitingCalls();
        }

        @Override
        public void close() {
            server.close();
        }
    }
}
