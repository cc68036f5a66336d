package dev.jobworker.grpc;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.auth.Identity;
import dev.jobworker.api.auth.JobWorkerAccess;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.StatusRuntimeException;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/** Gives every call the worker of its caller, and every failure of a call its status. Runs, as the handlers do, on a virtual thread for each call. */
final class AuthenticatingInterceptor implements ServerInterceptor {
    /** The worker as the caller of the present call may use it. */
    static final Context.Key<JobWorker> WORKER = Context.key("worker");

    private static final String IDENTITY = Identity.class.getName();

    private final JobWorkerAccess access;

    AuthenticatingInterceptor(JobWorkerAccess access) {
        this.access = access;
    }

    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
        try {
            Context context = Context.current().withValue(WORKER, access.as(caller(call)));
            return new FailureMapper<>(call, Contexts.interceptCall(context, call, headers, next));
        } catch (RuntimeException failure) {
            close(call, failure);
            return new ServerCall.Listener<>() {};
        }
    }

    private Identity caller(ServerCall<?, ?> call) {
        SSLSession session = call.getAttributes().get(Grpc.TRANSPORT_ATTR_SSL_SESSION);
        if (session == null) {
            throw new IllegalStateException("a connection without TLS");
        }
        // Sessions are never resumed, so this is once a connection; the worker checks at every call that the identity
        // is still good.
        if (session.getValue(IDENTITY) instanceof Identity known) {
            return known;
        }
        try {
            Identity identity = access.authenticate((X509Certificate) session.getPeerCertificates()[0]);
            session.putValue(IDENTITY, identity);
            return identity;
        } catch (SSLPeerUnverifiedException noCertificate) {
            throw new IllegalStateException("a handshake without a client certificate", noCertificate);
        }
    }

    private static void close(ServerCall<?, ?> call, Throwable failure) {
        StatusRuntimeException status = GrpcErrors.toStatus(failure);
        @Nullable Metadata trailers = status.getTrailers();
        call.close(status.getStatus(), trailers == null ? new Metadata() : trailers);
    }

    /** Ends the call with the status of what a handler throws. */
    private static final class FailureMapper<Q> extends SimpleForwardingServerCallListener<Q> {
        private final ServerCall<?, ?> call;
        // Guarded by gRPC, which calls a listener from one thread at a time.
        private boolean failed;

        FailureMapper(ServerCall<?, ?> call, ServerCall.Listener<Q> delegate) {
            super(delegate);
            this.call = call;
        }

        @Override
        public void onMessage(Q message) {
            attempt(() -> super.onMessage(message));
        }

        @Override
        public void onHalfClose() {
            attempt(super::onHalfClose);
        }

        private void attempt(Runnable handler) {
            if (failed) {
                return;
            }
            try {
                handler.run();
            } catch (RuntimeException | Error failure) {
                failed = true;
                close(call, failure);
            }
        }
    }
}
