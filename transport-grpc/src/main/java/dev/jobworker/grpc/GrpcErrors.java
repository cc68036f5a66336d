package dev.jobworker.grpc;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import dev.jobworker.api.CoreFailures;
import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.transport.ConnectionFailure;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.Map;
import java.util.Optional;

/** The one place where errors of the contract become errors of gRPC, and back. */
final class GrpcErrors {
    /** The domain of every ErrorInfo (google/rpc/error_details.proto). */
    static final String DOMAIN = "jobworker.dev";

    private static final int MAX_TEXT = 400;

    private GrpcErrors() {}

    /** Returns what a client is told about {@code failure}. What is not of the contract goes to the log, and the client is told where to look. */
    static StatusRuntimeException toStatus(Throwable failure) {
        if (failure instanceof WorkerException known) {
            return toStatus(known.reason(), known.getMessage(), known.details());
        }
        if (failure instanceof StatusRuntimeException status
                && status.getStatus().getCode() == Status.Code.RESOURCE_EXHAUSTED) {
            // gRPC's own, while it reads a request.
            return toStatus(
                    Reason.BODY_TOO_LARGE, String.valueOf(status.getStatus().getDescription()), Map.of());
        }
        if (failure.getCause() instanceof InvalidProtocolBufferException malformed) {
            return toStatus(Reason.MALFORMED_BODY, "not a message of this method: " + malformed.getMessage(), Map.of());
        }
        return toStatus(CoreFailures.internal(failure));
    }

    private static StatusRuntimeException toStatus(Reason reason, String message, Map<String, String> details) {
        ErrorInfo.Builder info = ErrorInfo.newBuilder().setReason(reason.name()).setDomain(DOMAIN);
        details.forEach((name, value) -> info.putMetadata(name, cut(value)));
        return StatusProto.toStatusRuntimeException(com.google.rpc.Status.newBuilder()
                .setCode(reason.grpcCode().number())
                .setMessage(cut(message))
                .addDetails(Any.pack(info.build()))
                .build());
    }

    /** Errors travel in headers, twice, percent-encoded, and a client takes 8 KiB of those: a longer one would be no error of ours any more. */
    private static String cut(String text) {
        if (text.length() <= MAX_TEXT) {
            return text;
        }
        int end = Character.isHighSurrogate(text.charAt(MAX_TEXT - 1)) ? MAX_TEXT - 1 : MAX_TEXT;
        return text.substring(0, end) + "…";
    }

    /** Returns the error of the contract that a failed call to {@code server} stands for. */
    static WorkerException toWorkerException(StatusRuntimeException failure, String server) {
        Status status = failure.getStatus();
        String description = status.getDescription();
        String message = description == null ? status.getCode().name() : description;
        Optional<ErrorInfo> info = errorInfo(failure);
        if (info.isPresent()) {
            Reason reason = reason(info.get().getReason(), status.getCode());
            return new WorkerException(reason, message, info.get().getMetadataMap(), failure);
        }
        return switch (status.getCode()) {
            case INVALID_ARGUMENT -> new WorkerException(Reason.MALFORMED_BODY, message, Map.of(), failure);
            case RESOURCE_EXHAUSTED -> new WorkerException(Reason.BODY_TOO_LARGE, message, Map.of(), failure);
            case UNIMPLEMENTED -> new WorkerException(Reason.UNKNOWN_PATH, message, Map.of(), failure);
            case DEADLINE_EXCEEDED ->
                new WorkerException(Reason.CONNECTION_FAILED, server + " did not answer in time", Map.of(), failure);
            default -> ConnectionFailure.of(failure, message, server);
        };
    }

    /** Returns whether {@code failure} means that no server took the call, as far as gRPC knows. */
    static boolean isUnavailable(WorkerException failure) {
        return failure.reason() == Reason.CONNECTION_FAILED
                && Status.fromThrowable(failure).getCode() == Status.Code.UNAVAILABLE;
    }

    private static Reason reason(String name, Status.Code code) {
        try {
            return Reason.valueOf(name);
        } catch (IllegalArgumentException ofANewerServer) {
            return code == Status.Code.UNAVAILABLE ? Reason.CONNECTION_FAILED : Reason.INTERNAL;
        }
    }

    private static Optional<ErrorInfo> errorInfo(StatusRuntimeException failure) {
        com.google.rpc.Status status = StatusProto.fromThrowable(failure);
        if (status == null) {
            return Optional.empty();
        }
        try {
            for (Any detail : status.getDetailsList()) {
                if (detail.is(ErrorInfo.class)
                        && detail.unpack(ErrorInfo.class).getDomain().equals(DOMAIN)) {
                    return Optional.of(detail.unpack(ErrorInfo.class));
                }
            }
        } catch (InvalidProtocolBufferException notOurs) {
            return Optional.empty();
        }
        return Optional.empty();
    }
}
