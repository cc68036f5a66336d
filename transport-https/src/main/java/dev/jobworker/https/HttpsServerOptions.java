package dev.jobworker.https;

/**
 * Limits of the server.
 *
 * @param maxConnections beyond that many, connections wait to be accepted; those that have not finished their handshake are counted
 */
public record HttpsServerOptions(int maxConnections) {
    public static final HttpsServerOptions DEFAULTS = new HttpsServerOptions(1000);
}
