package dev.jobworker.grpc;

import dev.jobworker.api.Wire;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.transport.OutputCalls;
import dev.jobworker.api.v1.JobServiceGrpc;
import dev.jobworker.api.v1.StreamOutputRequest;
import dev.jobworker.api.v1.StreamOutputResponse;
import dev.jobworker.core.JobId;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.Optional;

/** StreamOutput calls for the output of one job. Everything runs in gRPC's threads, which only pass messages on. */
final class GrpcOutputCalls implements OutputCalls {
    private static final int IN_FLIGHT = 2;

    private final ManagedChannel channel;
    private final String server;
    private final JobId job;

    GrpcOutputCalls(ManagedChannel channel, String server, JobId job) {
        this.channel = channel;
        this.server = server;
        this.job = job;
    }

    @Override
    public Call open(OutputQuery query, Receiver receiver) {
        // gRPC has a delay of its own, up to 2 min, in which it would only repeat an old failure.
        channel.resetConnectBackoff();
        ClientCall<StreamOutputRequest, StreamOutputResponse> call =
                channel.newCall(JobServiceGrpc.getStreamOutputMethod(), CallOptions.DEFAULT);
        call.start(new Listener(call, receiver), new Metadata());
        call.request(IN_FLIGHT);
        call.sendMessage(Wire.outputRequest(job, query));
        call.halfClose();
        return new Call() {
            @Override
            public void request() {
                call.request(1);
            }

            @Override
            public void cancel() {
                call.cancel("abandoned by the reader", null);
            }
        };
    }

    @Override
    public boolean isClosed() {
        return channel.isShutdown();
    }

    private final class Listener extends ClientCall.Listener<StreamOutputResponse> {
        private final ClientCall<?, ?> call;
        private final Receiver receiver;

        Listener(ClientCall<?, ?> call, Receiver receiver) {
            this.call = call;
            this.receiver = receiver;
        }

        @Override
        public void onHeaders(Metadata headers) {
            receiver.reached();
        }

        @Override
        public void onMessage(StreamOutputResponse message) {
            try {
                Optional<OutputEvent> event = Wire.fromProto(message);
                if (event.isPresent()) {
                    receiver.event(event.get());
                } else {
                    call.request(1);
                }
            } catch (WorkerException nonsense) {
                receiver.ended(nonsense);
            }
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            receiver.ended(GrpcErrors.toWorkerException(status.asRuntimeException(trailers), server));
        }
    }
}
