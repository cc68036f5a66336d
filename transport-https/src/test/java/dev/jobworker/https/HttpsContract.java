package dev.jobworker.https;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.api.transport.Retry;
import dev.jobworker.testkit.JobWorkerContract;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpClient;

/** The contract over HTTPS, by one version of HTTP. */
abstract class HttpsContract extends JobWorkerContract {
    private final HttpsTransport transport;

    HttpsContract(HttpClient.Version version) {
        transport = HttpsTransport.of(version);
    }

    @Override
    protected Endpoint serve(JobWorkerAccess access, TlsCredentials server) throws IOException {
        HttpsTransport.Serving https =
                transport.serve(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), server, access);
        return new Endpoint() {
            @Override
            public JobWorker connect(TlsCredentials client) {
                return transport.connect("localhost", https.address().getPort(), client, _ -> {}, Retry.DEFAULTS);
            }

            @Override
            public void close() {
                https.close();
            }
        };
    }
}
