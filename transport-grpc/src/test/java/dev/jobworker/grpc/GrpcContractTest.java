package dev.jobworker.grpc;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.testkit.JobWorkerContract;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/** The client of this module, over a connection, is a JobWorker like any other. */
class GrpcContractTest extends JobWorkerContract {

    @Override
    protected Endpoint serve(JobWorkerAccess access, TlsCredentials credentials) throws IOException {
        GrpcServer server = GrpcServer.start(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                credentials,
                access,
                GrpcServerOptions.DEFAULTS);
        return new Endpoint() {
            @Override
            public JobWorker connect(TlsCredentials client) {
                return GrpcJobWorker.connect("localhost", server.address().getPort(), client, _ -> {});
            }

            @Override
            public void close() {
                server.close();
            }
        };
    }
}
