package dev.jobworker.examples;

import dev.jobworker.api.WorkerException;
import dev.jobworker.api.auth.AuditLog;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.Policy;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.JobEngine;
import dev.jobworker.https.HttpsConnector;
import dev.jobworker.https.HttpsServer;
import dev.jobworker.https.HttpsServerOptions;
import dev.jobworker.https.JobHandler;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.component.LifeCycle;

/** A Jetty server with a page of its own, and jobs beside it. The argument is a folder that {@code jobworker ca} made. */
record JobsBesidePages(Server server) implements AutoCloseable {

    public static void main(String[] args) throws Exception {
        Path folder = Path.of(args.length > 0 ? args[0] : ".");
        try (JobEngine engine = JobEngine.open(folder.resolve("state"), EngineOptions.DEFAULTS);
                JobsBesidePages application = serve(folder, engine, 8443)) {
            System.out.println("serving https://localhost:8443/; end with Ctrl-C");
            application.server.join();
        }
    }

    static JobsBesidePages serve(Path folder, JobEngine engine, int port) throws Exception {
        TlsCredentials credentials = TlsCredentials.load(
                folder.resolve("server.crt"), folder.resolve("server.key"), folder.resolve("ca.crt"));
        JobWorkerAccess access =
                new JobWorkerAccess(engine, Policy.load(folder.resolve("policy.yaml")), AuditLog.DISCARD, "example");
        Server server = new Server();
        JobHandler jobs = new JobHandler(access);
        server.addConnector(HttpsConnector.create(
                server, new InetSocketAddress("localhost", port), credentials, access, HttpsServerOptions.DEFAULTS));
        server.setHandler(new Handler.Sequence(hello(jobs), jobs));
        server.setErrorHandler(HttpsServer.errorHandler());
        server.setStopTimeout(10_000); // those who follow output are told why it ends
        server.start();
        return new JobsBesidePages(server);
    }

    @Override
    public void close() {
        LifeCycle.stop(server);
    }

    private static Handler hello(JobHandler jobs) {
        return new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                if (!Request.getPathInContext(request).equals("/")) {
                    return false;
                }
                try {
                    String caller = jobs.caller(request).spiffeId();
                    Content.Sink.write(response, true, "Hello, " + caller + "\n", callback);
                } catch (WorkerException refused) {
                    Response.writeError(request, response, callback, 403, refused.getMessage());
                }
                return true;
            }
        };
    }
}
