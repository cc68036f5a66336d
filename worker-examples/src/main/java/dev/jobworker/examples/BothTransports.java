package dev.jobworker.examples;

import dev.jobworker.api.auth.AuditLog;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.Policy;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.JobEngine;
import dev.jobworker.grpc.GrpcServer;
import dev.jobworker.grpc.GrpcServerOptions;
import dev.jobworker.https.HttpsServer;
import dev.jobworker.https.HttpsServerOptions;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;

/** Serves the jobs of one engine by gRPC and by HTTPS. The argument is a folder that {@code jobworker ca} made. */
record BothTransports(GrpcServer grpc, HttpsServer https) implements AutoCloseable {

    public static void main(String[] args) throws IOException, InterruptedException {
        Path folder = Path.of(args.length > 0 ? args[0] : ".");
        try (JobEngine engine = JobEngine.open(folder.resolve("state"), EngineOptions.DEFAULTS);
                AuditLog audit = AuditLog.file(folder.resolve("audit.log"));
                BothTransports _ = serve(folder, engine, audit, 8443, 8444)) {
            System.out.println("gRPC on port 8443, HTTPS on port 8444; end with Ctrl-C");
            new CountDownLatch(1).await();
        }
    }

    static BothTransports serve(Path folder, JobEngine engine, AuditLog audit, int grpcPort, int httpsPort)
            throws IOException {
        TlsCredentials credentials = TlsCredentials.load(
                folder.resolve("server.crt"), folder.resolve("server.key"), folder.resolve("ca.crt"));
        // One door for both: the same rules, one audit log, and limits that count what comes by either.
        JobWorkerAccess access =
                new JobWorkerAccess(engine, Policy.load(folder.resolve("policy.yaml")), audit, "example");
        GrpcServer grpc = GrpcServer.start(loopback(grpcPort), credentials, access, GrpcServerOptions.DEFAULTS);
        try {
            return new BothTransports(
                    grpc, HttpsServer.start(loopback(httpsPort), credentials, access, HttpsServerOptions.DEFAULTS));
        } catch (IOException cannotBind) {
            grpc.close();
            throw cannotBind;
        }
    }

    private static InetSocketAddress loopback(int port) {
        return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    }

    @Override
    public void close() {
        https.close();
        grpc.close();
    }
}
