package dev.jobworker.https;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.api.transport.RequestReception;
import dev.jobworker.api.transport.Retry;
import dev.jobworker.testkit.Transport;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.http.HttpClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/** The transport of this module by one version of HTTP, for the kit. Every answer is held against the published description. */
record HttpsTransport(
        HttpClient.Version version,
        HttpsServerOptions options,
        HttpsConnector.Timeouts timeouts,
        Duration heartbeat,
        Supplier<RequestReception> receptions)
        implements Transport {

    static HttpsTransport of(HttpClient.Version version) {
        return new HttpsTransport(
                version,
                HttpsServerOptions.DEFAULTS,
                HttpsConnector.Timeouts.DEFAULTS,
                Duration.ofSeconds(15),
                RequestReception::new);
    }

    HttpsTransport withHeartbeat(Duration period) {
        return new HttpsTransport(version, options, timeouts, period, receptions);
    }

    HttpsTransport withTimeouts(Duration handshake, Duration idle) {
        return new HttpsTransport(
                version, options, new HttpsConnector.Timeouts(handshake, idle), heartbeat, receptions);
    }

    HttpsTransport withMaxConnections(int max) {
        return new HttpsTransport(version, new HttpsServerOptions(max), timeouts, heartbeat, receptions);
    }

    HttpsTransport withReception(Duration maxTime) {
        return new HttpsTransport(version, options, timeouts, heartbeat, () -> new RequestReception(maxTime));
    }

    @Override
    public Serving serve(InetSocketAddress address, TlsCredentials credentials, JobWorkerAccess access)
            throws IOException {
        Server server = HttpsServer.server();
        ServerConnector connector = HttpsConnector.create(server, address, credentials, access, options, timeouts);
        List<ResponseCheck> checks = new ArrayList<>();
        HttpsServer https =
                HttpsServer.start(server, connector, new JobHandler(access, heartbeat, receptions.get()), handler -> {
                    checks.add(new ResponseCheck(handler));
                    return checks.getFirst();
                });
        return new Serving(https, checks.getFirst());
    }

    @Override
    public JobWorker connect(String host, int port, TlsCredentials credentials, Consumer<String> notices, Retry retry) {
        return HttpsJobWorker.connect(host, port, credentials, version, notices, retry);
    }

    record Serving(HttpsServer server, ResponseCheck check) implements Listening {
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
            check.assertNoFaults();
        }
    }
}
