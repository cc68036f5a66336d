package dev.jobworker.cli;

import dev.jobworker.core.EngineOptions;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;

/**
 * What a server is made of.
 *
 * @param state the engine's directory
 * @param listen where, by which transport: at least one; port 0 for any free one
 * @param audit the file to which decisions are appended
 * @param engine its limits, and what becomes of running jobs when the server ends
 */
record ServerOptions(
        Path state,
        Map<Transport, InetSocketAddress> listen,
        Path certificate,
        Path key,
        Path ca,
        Path policy,
        Path audit,
        EngineOptions engine) {
    ServerOptions {
        if (listen.isEmpty()) {
            throw new IllegalArgumentException("a server listens somewhere");
        }
        listen = new EnumMap<>(listen);
    }
}
