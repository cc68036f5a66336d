package dev.jobworker.grpc;

/**
 * Limits of the server.
 *
 * @param maxConnections connections beyond that many are closed at once, also those that never finish their handshake
 */
public record GrpcServerOptions(int maxConnections) {
    public static final GrpcServerOptions DEFAULTS = new GrpcServerOptions(1000);
}
