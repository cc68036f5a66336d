package dev.jobworker.https;

import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.TlsCredentials;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLParameters;
import org.eclipse.jetty.alpn.server.ALPNServerConnectionFactory;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.http2.server.HTTP2ServerConnectionFactory;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.WindowRateControl;
import org.eclipse.jetty.io.ssl.SslConnection;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.NetworkConnectionLimit;
import org.eclipse.jetty.server.SecureRequestCustomizer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.eclipse.jetty.util.thread.Scheduler;

/** Connectors for {@link JobHandler}: HTTP/2 and HTTP/1.1 by ALPN over TLS 1.3, with a certificate of the client. */
public final class HttpsConnector {
    private static final int MAX_HEADER_BYTES = 8 << 10;
    private static final int MAX_STREAMS_PER_CONNECTION = 100;
    private static final int STREAM_WINDOW_BYTES = 128 << 10;
    /** PING, SETTINGS, RST_STREAM and other frames that cost their sender nothing, a second: more than the streams that a client may end at once. */
    private static final int MAX_CONTROL_FRAMES_PER_SECOND = 2 * MAX_STREAMS_PER_CONNECTION;

    /**
     * What connections have time for.
     *
     * @param handshake from the connection to the end of TLS
     * @param idle between requests, and for a write that the client does not take
     */
    record Timeouts(Duration handshake, Duration idle) {
        static final Timeouts DEFAULTS = new Timeouts(Duration.ofSeconds(10), Duration.ofMinutes(10));
    }

    private HttpsConnector() {}

    /** Returns a connector that is not started yet, with the limits of {@link HttpsServer}. Refused certificates go to the audit log of {@code access}. */
    public static ServerConnector create(
            Server server,
            InetSocketAddress address,
            TlsCredentials credentials,
            JobWorkerAccess access,
            HttpsServerOptions options) {
        return create(server, address, credentials, access, options, Timeouts.DEFAULTS);
    }

    static ServerConnector create(
            Server server,
            InetSocketAddress address,
            TlsCredentials credentials,
            JobWorkerAccess access,
            HttpsServerOptions options,
            Timeouts timeouts) {
        HttpConfiguration http = new HttpConfiguration();
        http.addCustomizer(new SecureRequestCustomizer(true));
        http.setSendServerVersion(false);
        http.setRequestHeaderSize(MAX_HEADER_BYTES);
        http.setIdleTimeout(-1);

        HTTP2ServerConnectionFactory http2 = new HTTP2ServerConnectionFactory(http);
        http2.setMaxConcurrentStreams(MAX_STREAMS_PER_CONNECTION);
        // Streams that nobody reads on leave room for the others of their connection.
        http2.setInitialStreamRecvWindow(STREAM_WINDOW_BYTES);
        http2.setInitialSessionRecvWindow(MAX_STREAMS_PER_CONNECTION * STREAM_WINDOW_BYTES);
        http2.setRateControlFactory(new WindowRateControl.Factory(MAX_CONTROL_FRAMES_PER_SECOND));
        // A quiet stream would be reset at the idle timeout, whatever its handler says.
        http2.setStreamIdleTimeout(-1);

        ALPNServerConnectionFactory alpn = new ALPNServerConnectionFactory();
        alpn.setDefaultProtocol(HttpVersion.HTTP_1_1.asString());
        TicketlessTls tls = new TicketlessTls(contextFactory(credentials, access), alpn.getProtocol());

        ServerConnector connector =
                new ServerConnector(server, 1, 1, tls, alpn, http2, new HttpConnectionFactory(http));
        connector.setHost(
                address.isUnresolved()
                        ? address.getHostString()
                        : address.getAddress().getHostAddress());
        connector.setPort(address.getPort());
        connector.setIdleTimeout(timeouts.idle.toMillis());
        connector.addBean(new NetworkConnectionLimit(options.maxConnections(), connector));
        connector.addBean(new HandshakeTimeout(connector, timeouts.handshake));
        return connector;
    }

    private static SslContextFactory.Server contextFactory(TlsCredentials credentials, JobWorkerAccess access) {
        SSLParameters wanted = TlsCredentials.parameters();
        SslContextFactory.Server factory = new SslContextFactory.Server() {
            @Override
            public SSLParameters customize(SSLParameters parameters) {
                parameters.setProtocols(wanted.getProtocols());
                parameters.setCipherSuites(wanted.getCipherSuites());
                parameters.setNamedGroups(wanted.getNamedGroups());
                parameters.setUseCipherSuitesOrder(wanted.getUseCipherSuitesOrder());
                parameters.setNeedClientAuth(true);
                return parameters;
            }
        };
        // Not in the thread of the handshake.
        factory.setSslContext(credentials.sslContext(
                (leaf, why) -> Thread.startVirtualThread(() -> access.auditRejected(leaf, why))));
        factory.setNeedClientAuth(true);
        return factory;
    }

    /** Closes connections that do not finish their handshake in time; Jetty itself waits as long as something comes now and then. */
    private static final class HandshakeTimeout implements Connection.Listener {
        private final ServerConnector connector;
        private final Duration time;
        private final ConcurrentMap<EndPoint, Scheduler.Task> pending = new ConcurrentHashMap<>();

        HandshakeTimeout(ServerConnector connector, Duration time) {
            this.connector = connector;
            this.time = time;
        }

        /** The one over TLS is opened first; the one above it when it is known which it is: after the handshake. */
        @Override
        public void onOpened(Connection connection) {
            if (connection instanceof SslConnection ssl) {
                pending.put(
                        ssl.getSslEndPoint(),
                        connector
                                .getScheduler()
                                .schedule(() -> ssl.getEndPoint().close(), time.toMillis(), TimeUnit.MILLISECONDS));
            } else if (!(connection instanceof org.eclipse.jetty.alpn.server.ALPNServerConnection)) {
                cancel(connection.getEndPoint());
            }
        }

        @Override
        public void onClosed(Connection connection) {
            if (connection instanceof SslConnection ssl) {
                cancel(ssl.getSslEndPoint());
            }
        }

        private void cancel(EndPoint endPoint) {
            Scheduler.Task timeout = pending.remove(endPoint);
            if (timeout != null) {
                timeout.cancel();
            }
        }
    }
}
