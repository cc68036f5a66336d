package dev.jobworker.grpc;

import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.api.transport.RequestReception;
import dev.jobworker.api.transport.WaitingCalls;
import dev.jobworker.core.JobInput;
import io.grpc.BindableService;
import io.grpc.MethodDescriptor.Marshaller;
import io.grpc.Server;
import io.grpc.ServerInterceptors;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * Serves {@code jobworker.v1}, health and reflection over mutual TLS.
 *
 * <p>Start reading here: a connection is counted by {@link ConnectionLimit} and made by {@link Tls}; each of its calls runs on a virtual thread of its
 * own, gets its caller's worker in {@link AuthenticatingInterceptor}, and is translated by {@link JobServiceHandlers}. Nothing of that blocks Netty's
 * threads.
 */
public final class GrpcServer implements AutoCloseable {
    /** The largest answer to a start is its job; the largest request has the input and what {@link dev.jobworker.core.JobSpec} allows, well under 1 MiB. */
    private static final int MAX_MESSAGE_BYTES = JobInput.MAX_BYTES + (1 << 20);

    private static final int MAX_METADATA_BYTES = 8 << 10;
    private static final int MAX_CALLS_PER_CONNECTION = 100;
    /** What may come of a call that is not read: of all calls of a connection 25 MiB. */
    private static final int WINDOW_BYTES = 256 << 10;

    private static final Duration HEARTBEAT = Duration.ofSeconds(15);
    private static final Duration CLOSE_GRACE_PERIOD = Duration.ofSeconds(10);

    // gRPC logs a stack trace for every client that vanishes, fails its handshake or sends too much; clients must not
    // fill the log. Kept here because
    // java.util.logging forgets the levels of loggers that nobody holds.
    private static final List<Logger> QUIET = List.of(
            Logger.getLogger("io.grpc.netty.NettyServerHandler"),
            Logger.getLogger("io.grpc.netty.NettyServerStream"),
            Logger.getLogger("io.grpc.netty.NettyServerTransport.connections"));

    static {
        QUIET.forEach(logger -> logger.setLevel(Level.SEVERE));
    }

    private final Server server;
    private final EventLoopGroup eventLoops;
    private final ExecutorService threads;
    private final HealthStatusManager health;
    private final WaitingCalls waitingCalls;
    private final RequestReception reception;
    private final InetSocketAddress address;

    private GrpcServer(
            Server server,
            EventLoopGroup eventLoops,
            ExecutorService threads,
            HealthStatusManager health,
            WaitingCalls waitingCalls,
            RequestReception reception) {
        this.server = server;
        this.eventLoops = eventLoops;
        this.threads = threads;
        this.health = health;
        this.waitingCalls = waitingCalls;
        this.reception = reception;
        this.address = (InetSocketAddress) server.getListenSockets().getFirst();
    }

    /** Binds {@code address} (port 0: any free one) and serves. */
    public static GrpcServer start(
            InetSocketAddress address, TlsCredentials credentials, JobWorkerAccess access, GrpcServerOptions options)
            throws IOException {
        return start(address, credentials, access, options, HEARTBEAT, new RequestReception());
    }

    static GrpcServer start(
            InetSocketAddress address,
            TlsCredentials credentials,
            JobWorkerAccess access,
            GrpcServerOptions options,
            Duration heartbeat,
            RequestReception reception)
            throws IOException {
        ExecutorService threads = Executors.newThreadPerTaskExecutor(
                Thread.ofVirtual().name("grpc-call").factory());
        WaitingCalls waitingCalls = new WaitingCalls();
        HealthStatusManager health = new HealthStatusManager();
        List<BindableService> services = List.of(
                new JobServiceHandlers(threads, waitingCalls, heartbeat),
                new ServerServiceHandlers(),
                health.getHealthService(),
                ProtoReflectionServiceV1.newInstance());
        EventLoopGroup eventLoops = new MultiThreadIoEventLoopGroup(
                Runtime.getRuntime().availableProcessors(),
                new DefaultThreadFactory("jobworker-grpc", true),
                NioIoHandler.newFactory());
        NettyServerBuilder builder = NettyServerBuilder.forAddress(address)
                .channelFactory(() -> listener(options.maxConnections()))
                .bossEventLoopGroup(eventLoops)
                .workerEventLoopGroup(eventLoops)
                .executor(threads)
                .sslContext(Tls.server(
                        credentials,
                        // Not in the event loop, where the handshake is.
                        (leaf, why) -> threads.execute(() -> access.auditRejected(leaf, why))))
                .handshakeTimeout(10, TimeUnit.SECONDS)
                .maxConcurrentCallsPerConnection(MAX_CALLS_PER_CONNECTION)
                .maxRstFramesPerWindow(200, 10)
                .maxInboundMessageSize(MAX_MESSAGE_BYTES)
                .maxInboundMetadataSize(MAX_METADATA_BYTES)
                .flowControlWindow(WINDOW_BYTES)
                .keepAliveTime(60, TimeUnit.SECONDS)
                .permitKeepAliveTime(10, TimeUnit.SECONDS)
                .maxConnectionIdle(10, TimeUnit.MINUTES)
                .intercept(new AuthenticatingInterceptor(access, reception));
        // Requests are parsed inside the interceptor, so that a malformed one gets an answer of the error table.
        services.forEach(service ->
                builder.addService(ServerInterceptors.useMarshalledMessages(service.bindService(), new Unparsed())));
        try {
            return new GrpcServer(builder.build().start(), eventLoops, threads, health, waitingCalls, reception);
        } catch (IOException | RuntimeException failure) {
            reception.close();
            eventLoops.shutdownGracefully(0, 0, TimeUnit.SECONDS).awaitUninterruptibly();
            throw failure;
        }
    }

    private static NioServerSocketChannel listener(int maxConnections) {
        NioServerSocketChannel listener = new NioServerSocketChannel();
        listener.pipeline().addLast(new ConnectionLimit(maxConnections));
        return listener;
    }

    /** Returns the address that was bound. */
    public InetSocketAddress address() {
        return address;
    }

    /** Returns the number of calls that wait for something now. */
    int waitingCalls() {
        return waitingCalls.size();
    }

    /** Stops accepting, ends open streams with SERVER_SHUTTING_DOWN, waits at most 10 s for calls, then cuts. */
    @Override
    public void close() {
        close(CLOSE_GRACE_PERIOD);
    }

    void close(Duration gracePeriod) {
        if (!server.isShutdown()) {
            health.enterTerminalState();
        }
        server.shutdown();
        waitingCalls.shutDown();
        try {
            if (!server.awaitTermination(gracePeriod.toMillis(), TimeUnit.MILLISECONDS)) {
                server.shutdownNow().awaitTermination(1, TimeUnit.SECONDS);
            }
            // What still runs may want to answer, which needs the event loops.
            threads.shutdown();
            threads.awaitTermination(1, TimeUnit.SECONDS);
        } catch (InterruptedException hurry) {
            server.shutdownNow();
            Thread.currentThread().interrupt();
        }
        reception.close();
        eventLoops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
    }

    /** Leaves messages as the bytes that they are. */
    private static final class Unparsed implements Marshaller<InputStream> {
        @Override
        public InputStream stream(InputStream message) {
            return message;
        }

        @Override
        public InputStream parse(InputStream message) {
            return message;
        }
    }
}
