package dev.jobworker.grpc;

import dev.jobworker.api.transport.RequestReception;
import dev.jobworker.testkit.SilenceContract;
import dev.jobworker.testkit.Transport;

class SilenceTest extends SilenceContract {
    @Override
    protected Transport transport() {
        return new GrpcTransport(GrpcServerOptions.DEFAULTS, HEARTBEAT, RequestReception::new);
    }
}
