package dev.jobworker.grpc;

import dev.jobworker.api.Wire;
import dev.jobworker.api.v1.GetCallerIdentityRequest;
import dev.jobworker.api.v1.GetCallerIdentityResponse;
import dev.jobworker.api.v1.GetServerInfoRequest;
import dev.jobworker.api.v1.GetServerInfoResponse;
import dev.jobworker.api.v1.ServerServiceGrpc;
import io.grpc.stub.StreamObserver;

/** Translates the calls of ServerService. */
final class ServerServiceHandlers extends ServerServiceGrpc.ServerServiceImplBase {

    @Override
    public void getCallerIdentity(GetCallerIdentityRequest request, StreamObserver<GetCallerIdentityResponse> client) {
        client.onNext(Wire.toProto(AuthenticatingInterceptor.WORKER.get().whoami()));
        client.onCompleted();
    }

    @Override
    public void getServerInfo(GetServerInfoRequest request, StreamObserver<GetServerInfoResponse> client) {
        client.onNext(Wire.toProto(AuthenticatingInterceptor.WORKER.get().serverInfo()));
        client.onCompleted();
    }
}
