package dev.jobworker.api.auth;

import dev.jobworker.api.JobWorker;
import java.security.cert.X509Certificate;

/** The only door from a transport to an engine: first {@link #authenticate}, then {@link #as}. */
public final class JobWorkerAccess {
    private JobWorkerAccess() {}

    /**
     * Turns the client certificate of a finished handshake into an identity.
     *
     * @throws dev.jobworker.api.WorkerException CERTIFICATE_REJECTED with the rule that it breaks
     */
    public Identity authenticate(X509Certificate leaf) {
        throw new UnsupportedOperationException();
    }

    /** Returns the worker as {@code caller} may use it. */
    public JobWorker as(Identity caller) {
        throw new UnsupportedOperationException();
    }
}
