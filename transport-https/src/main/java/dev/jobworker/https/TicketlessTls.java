package dev.jobworker.https;

import java.nio.ByteBuffer;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;
import javax.net.ssl.SSLEngineResult.Status;
import javax.net.ssl.SSLException;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.ssl.SslConnection;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/**
 * TLS whose servers send no session tickets. Jetty takes a handshake for finished when its engine says FINISHED; but in TLS 1.3 with a client
 * certificate JSSE says that only with the first ticket: without one, NOT_HANDSHAKING follows its last task. Jetty would wait for ever for the protocol
 * that ALPN chose.
 */
final class TicketlessTls extends SslConnectionFactory {

    TicketlessTls(SslContextFactory.Server factory, String nextProtocol) {
        super(factory, nextProtocol);
    }

    @Override
    protected SslConnection newSslConnection(Connector connector, EndPoint endPoint, SSLEngine engine) {
        return new SslConnection(
                connector.getByteBufferPool(),
                connector.getExecutor(),
                getSslContextFactory(),
                endPoint,
                engine,
                isDirectBuffersForEncryption(),
                isDirectBuffersForDecryption()) {
            // Guarded by the lock that Jetty holds around it.
            private boolean finished;

            @Override
            protected SSLEngineResult unwrap(SSLEngine sslEngine, ByteBuffer input, ByteBuffer output)
                    throws SSLException {
                SSLEngineResult result = super.unwrap(sslEngine, input, output);
                if (finished || result.getStatus() != Status.OK) {
                    return result;
                }
                // Jetty would run the tasks itself, but look at no status after the last one.
                for (Runnable task = sslEngine.getDelegatedTask(); task != null; task = sslEngine.getDelegatedTask()) {
                    task.run();
                }
                finished = sslEngine.getHandshakeStatus() == HandshakeStatus.NOT_HANDSHAKING;
                return new SSLEngineResult(
                        Status.OK,
                        finished ? HandshakeStatus.FINISHED : sslEngine.getHandshakeStatus(),
                        result.bytesConsumed(),
                        result.bytesProduced());
            }
        };
    }
}
