package dev.jobworker.grpc;

import dev.jobworker.testkit.ResumeContract;
import dev.jobworker.testkit.Transport;

class ResumeTest extends ResumeContract {
    @Override
    protected Transport transport() {
        return GrpcTransport.DEFAULT;
    }
}
