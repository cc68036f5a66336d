package dev.jobworker.grpc;

import dev.jobworker.testkit.TestServer;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import java.nio.file.Path;
import java.time.Duration;

/** A test's own server, with the means for what the client of this module does not do. */
final class GrpcTestServer extends TestServer {

    GrpcTestServer(Path directory) {
        this(directory, GrpcTransport.DEFAULT);
    }

    GrpcTestServer(Path directory, GrpcTransport transport) {
        super(directory, transport);
    }

    void close(Duration gracePeriod) {
        ((GrpcTransport.Serving) server()).server().close(gracePeriod);
    }

    /** Returns a bare channel. */
    ManagedChannel channel(String userName, int flowControlWindow, int port) {
        ManagedChannel channel = NettyChannelBuilder.forAddress("localhost", port)
                .sslContext(Tls.client(pki().client(userName).credentials()))
                .flowControlWindow(flowControlWindow)
                .build();
        closeWithClients(channel::shutdownNow);
        return channel;
    }
}
