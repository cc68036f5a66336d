package dev.jobworker.grpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.v1.GetCallerIdentityRequest;
import dev.jobworker.api.v1.ServerServiceGrpc;
import dev.jobworker.testkit.BadCertificate;
import dev.jobworker.testkit.CertificateContract;
import dev.jobworker.testkit.TestPki;
import dev.jobworker.testkit.Transport;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import org.junit.jupiter.api.Test;

class CertificateTest extends CertificateContract {
    @Override
    protected Transport transport() {
        return GrpcTransport.DEFAULT;
    }

    @Test
    void health_withBadCertificate_isRefused() {
        TestPki.Issued nameless = BadCertificate.NO_NAME.issue(server().pki());
        ManagedChannel channel = NettyChannelBuilder.forAddress("localhost", server().port())
                .sslContext(Tls.client(nameless.credentials()))
                .build();
        try {
            StatusRuntimeException failure = assertThrows(
                    StatusRuntimeException.class,
                    () -> HealthGrpc.newBlockingStub(channel).check(HealthCheckRequest.getDefaultInstance()));
            assertEquals(
                    Reason.CERTIFICATE_REJECTED,
                    GrpcErrors.toWorkerException(failure, "server").reason());
        } finally {
            channel.shutdownNow();
        }
    }

    @Test
    void call_withoutCertificate_isRefused() throws Exception {
        ManagedChannel channel = NettyChannelBuilder.forAddress("localhost", server().port())
                .sslContext(GrpcSslContexts.forClient()
                        .trustManager(server().pki().caFile().toFile())
                        .build())
                .build();
        try {
            StatusRuntimeException failure = assertThrows(
                    StatusRuntimeException.class,
                    () -> ServerServiceGrpc.newBlockingStub(channel)
                            .getCallerIdentity(GetCallerIdentityRequest.getDefaultInstance()));
            WorkerException explained = GrpcErrors.toWorkerException(failure, "server");
            assertEquals(Reason.CERTIFICATE_REJECTED, explained.reason(), explained.getMessage());
            assertTrue(explained.getMessage().contains("certificate_required"), explained.getMessage());
        } finally {
            channel.shutdownNow();
        }
    }
}
