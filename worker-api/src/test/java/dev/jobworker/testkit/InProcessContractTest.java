package dev.jobworker.testkit;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.TlsCredentials;

/** The contract with nothing between caller and engine but the guard. */
class InProcessContractTest extends JobWorkerContract {
    @Override
    protected Endpoint serve(JobWorkerAccess access, TlsCredentials server) {
        return new Endpoint() {
            @Override
            public JobWorker connect(TlsCredentials client) {
                return access.as(access.authenticate(client.certificate()));
            }

            @Override
            public void close() {}
        };
    }
}
