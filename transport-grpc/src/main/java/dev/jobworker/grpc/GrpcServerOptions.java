package dev.jobworker.grpc;

/** Limits of the server. */
public record GrpcServerOptions(int maxConnections, int maxStreamsPerIdentity) {
    public static final GrpcServerOptions DEFAULTS = new GrpcServerOptions(1000, 100);
}
