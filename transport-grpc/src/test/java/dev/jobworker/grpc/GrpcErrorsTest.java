package dev.jobworker.grpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Any;
import com.google.rpc.ErrorInfo;
import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.Map;
import javax.net.ssl.SSLHandshakeException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class GrpcErrorsTest {
    private static final String SERVER = "localhost:1";

    @ParameterizedTest
    @EnumSource
    void reason_thereAndBack_isTheSame(Reason reason) {
        WorkerException sent = new WorkerException(reason, "some words", Map.of("field", "argv"), null);
        StatusRuntimeException status = GrpcErrors.toStatus(sent);
        assertEquals(reason.grpcCode().name(), status.getStatus().getCode().name());
        WorkerException received = GrpcErrors.toWorkerException(status, SERVER);
        assertEquals(reason, received.reason());
        assertEquals("some words", received.getMessage());
        assertEquals(Map.of("field", "argv"), received.details());
    }

    @Test
    void toStatus_ofDefect_tellsTheClientNothing() {
        StatusRuntimeException status = GrpcErrors.toStatus(new IllegalStateException("the secret"));
        assertEquals(Status.Code.INTERNAL, status.getStatus().getCode());
        assertFalse(String.valueOf(status.getStatus()).contains("secret"));
        WorkerException received = GrpcErrors.toWorkerException(status, SERVER);
        assertEquals(Reason.INTERNAL, received.reason());
    }

    @ParameterizedTest
    @CsvSource({
        "UNAVAILABLE, CONNECTION_FAILED",
        "FAILED_PRECONDITION, INTERNAL",
    })
    void toWorkerException_ofReasonOfNewerServer_goesByTheCode(Status.Code code, Reason reason) {
        StatusRuntimeException status = StatusProto.toStatusRuntimeException(com.google.rpc.Status.newBuilder()
                .setCode(code.value())
                .setMessage("news")
                .addDetails(Any.pack(ErrorInfo.newBuilder()
                        .setDomain(GrpcErrors.DOMAIN)
                        .setReason("OF_THE_FUTURE")
                        .build()))
                .build());
        assertEquals(reason, GrpcErrors.toWorkerException(status, SERVER).reason());
    }

    @ParameterizedTest
    @CsvSource({
        "INVALID_ARGUMENT, MALFORMED_BODY",
        "RESOURCE_EXHAUSTED, BODY_TOO_LARGE",
        "UNIMPLEMENTED, UNKNOWN_PATH",
        "DEADLINE_EXCEEDED, CONNECTION_FAILED",
        "INTERNAL, CONNECTION_FAILED",
        "UNAVAILABLE, CONNECTION_FAILED",
    })
    void toWorkerException_ofStatusAlone_goesByTheCode(Status.Code code, Reason reason) {
        StatusRuntimeException status = code.toStatus().asRuntimeException();
        assertEquals(reason, GrpcErrors.toWorkerException(status, SERVER).reason());
    }

    @ParameterizedTest
    @CsvSource({
        "Received fatal alert: certificate_expired, CERTIFICATE_REJECTED",
        "Received fatal alert: unknown_ca, CERTIFICATE_REJECTED",
        "Received fatal alert: protocol_version, CONNECTION_FAILED",
        "(certificate_unknown) PKIX path building failed, CONNECTION_FAILED",
    })
    void toWorkerException_ofFailedHandshake_tellsTheAlert(String message, Reason reason) {
        StatusRuntimeException status = Status.UNAVAILABLE
                .withDescription("io exception")
                .withCause(new SSLHandshakeException(message))
                .asRuntimeException();
        WorkerException failure = GrpcErrors.toWorkerException(status, SERVER);
        assertEquals(reason, failure.reason());
        assertTrue(failure.getMessage().contains(message), failure.getMessage());
        assertTrue(failure.getMessage().contains(SERVER), failure.getMessage());
    }
}
