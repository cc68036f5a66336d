package dev.jobworker.testkit;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.api.transport.Retry;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.function.Consumer;

/** A server and a client that belong together. */
public interface Transport {

    Listening serve(InetSocketAddress address, TlsCredentials credentials, JobWorkerAccess access) throws IOException;

    JobWorker connect(String host, int port, TlsCredentials credentials, Consumer<String> notices, Retry retry);

    /** A server that serves. */
    interface Listening extends AutoCloseable {
        InetSocketAddress address();

        /** Returns the number of calls that wait for something now. */
        int waitingCalls();

        @Override
        void close();
    }
}
