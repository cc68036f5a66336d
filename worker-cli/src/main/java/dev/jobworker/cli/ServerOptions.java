package dev.jobworker.cli;

import dev.jobworker.core.EngineOptions;
import java.net.InetSocketAddress;
import java.nio.file.Path;

/**
 * What a server is made of.
 *
 * @param state the engine's directory
 * @param grpc where to listen; port 0 for any free one
 * @param audit the file to which decisions are appended
 * @param engine its limits, and what becomes of running jobs when the server ends
 */
record ServerOptions(
        Path state,
        InetSocketAddress grpc,
        Path certificate,
        Path key,
        Path ca,
        Path policy,
        Path audit,
        EngineOptions engine) {}
