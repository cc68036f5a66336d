package dev.jobworker.grpc;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.auth.Action;
import dev.jobworker.api.auth.Identity;
import dev.jobworker.api.auth.InputWriter;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.transport.RequestReception;
import dev.jobworker.api.v1.JobServiceGrpc;
import dev.jobworker.api.v1.ServerServiceGrpc;
import dev.jobworker.core.JobId;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.StatusRuntimeException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.Supplier;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/**
 * Gives every call the worker of its caller, and every failure of a call its status. Runs, as the handlers do, on a virtual thread for each call.
 *
 * <p>Who may not have what he asks for is refused before anything of his request is read.
 */
final class AuthenticatingInterceptor implements ServerInterceptor {
    /** The worker as the caller of the present call may use it. */
    static final Context.Key<JobWorker> WORKER = Context.key("worker");

    /** How long the caller of the present call will still be admitted; throws if it is not any more. */
    static final Context.Key<Supplier<Duration>> ADMITTED_FOR = Context.key("admitted-for");

    /** Opens the input of a job for the caller of the present call. */
    static final Context.Key<Function<JobId, InputWriter>> INPUTS = Context.key("inputs");

    private static final String IDENTITY = Identity.class.getName();

    /** Of every method of jobworker.v1; those of health and reflection are open to whoever is admitted, as whoami is. */
    static final Map<String, Action> ACTIONS = Map.of(
            JobServiceGrpc.getStartJobMethod().getFullMethodName(), Action.START,
            JobServiceGrpc.getGetJobMethod().getFullMethodName(), Action.GET,
            JobServiceGrpc.getListJobsMethod().getFullMethodName(), Action.LIST,
            JobServiceGrpc.getStopJobMethod().getFullMethodName(), Action.STOP,
            JobServiceGrpc.getSignalJobMethod().getFullMethodName(), Action.SIGNAL,
            JobServiceGrpc.getDeleteJobMethod().getFullMethodName(), Action.DELETE,
            JobServiceGrpc.getStreamOutputMethod().getFullMethodName(), Action.OUTPUT,
            JobServiceGrpc.getWriteInputMethod().getFullMethodName(), Action.WRITE_INPUT,
            ServerServiceGrpc.getGetCallerIdentityMethod().getFullMethodName(), Action.WHOAMI,
            ServerServiceGrpc.getGetServerInfoMethod().getFullMethodName(), Action.SERVER_INFO);

    private final JobWorkerAccess access;
    private final RequestReception reception;

    AuthenticatingInterceptor(JobWorkerAccess access, RequestReception reception) {
        this.access = access;
        this.reception = reception;
    }

    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
        RequestReception.@Nullable Turn turn = null;
        try {
            Identity caller = caller(call);
            access.precheck(
                    caller, ACTIONS.getOrDefault(call.getMethodDescriptor().getFullMethodName(), Action.WHOAMI));
            Supplier<Duration> admittedFor = () -> access.admittedFor(caller);
            Function<JobId, InputWriter> inputs = job -> access.input(caller, UUID.randomUUID(), job);
            Context context =
                    Context.current().withValues(WORKER, access.as(caller), ADMITTED_FOR, admittedFor, INPUTS, inputs);
            turn = reception.await(caller.spiffeId(), () -> close(call, RequestReception.tooSlow()));
            return new FailureMapper<>(call, turn, Contexts.interceptCall(context, call, headers, next));
        } catch (RuntimeException failure) {
            if (turn != null) {
                turn.end();
            }
            close(call, failure);
            return new ServerCall.Listener<>() {};
        }
    }

    private Identity caller(ServerCall<?, ?> call) {
        SSLSession session = call.getAttributes().get(Grpc.TRANSPORT_ATTR_SSL_SESSION);
        if (session == null) {
            throw new IllegalStateException("a connection without TLS");
        }
        // Sessions are never resumed, so this is once a connection; that the identity is still good is checked at every
        // call.
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
        /** Until the message is there: of WriteInput the first, of reflection, where many come without an end of their own, all. */
        private final RequestReception.Turn turn;
        // Guarded by gRPC, which calls a listener from one thread at a time.
        private boolean failed;
        private boolean hasMessage;
        private boolean received;

        FailureMapper(ServerCall<?, ?> call, RequestReception.Turn turn, ServerCall.Listener<Q> delegate) {
            super(delegate);
            this.call = call;
            this.turn = turn;
        }

        @Override
        public void onMessage(Q message) {
            hasMessage = true; // gRPC itself refuses a second one where there can be only one
            if (call.getMethodDescriptor().getType() == MethodDescriptor.MethodType.CLIENT_STREAMING) {
                received();
            }
            attempt(() -> super.onMessage(message));
        }

        @Override
        public void onHalfClose() {
            received();
            attempt(() -> {
                if (!hasMessage && call.getMethodDescriptor().getType() != MethodDescriptor.MethodType.BIDI_STREAMING) {
                    throw new WorkerException(Reason.MALFORMED_BODY, "no message where one is expected");
                }
                super.onHalfClose();
            });
        }

        @Override
        public void onCancel() {
            turn.end();
            super.onCancel();
        }

        @Override
        public void onComplete() {
            turn.end();
            super.onComplete();
        }

        private void received() {
            if (!received && !turn.end()) {
                failed = true; // closed already, because it took too long
            }
            received = true;
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
