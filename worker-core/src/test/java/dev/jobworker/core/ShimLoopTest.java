package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** G7: the connections to the shims. */
@Timeout(60)
final class ShimLoopTest {
    @TempDir
    Path directory;

    @Test
    void g7_s15_orderGivenWhileTheLoopIsBusy_isInTheSocketWhenSendReturns() throws Exception {
        Path socket = directory.resolve("shim.sock");
        CountDownLatch busy = new CountDownLatch(1);
        CountDownLatch over = new CountDownLatch(1);
        ShimLoop.Listener listener = new ShimLoop.Listener() {
            @Override
            public void status(ShimStatus status) {
                busy.countDown();
                try {
                    over.await();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            }

            @Override
            public void ended() {}
        };
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
                ShimLoop loop = new ShimLoop()) {
            server.bind(UnixDomainSocketAddress.of(socket));
            ShimLoop.Link link = loop.connect(ShimLoop.open(), socket, listener);
            try (SocketChannel shim = server.accept()) {
                shim.write(ByteBuffer.allocate(ShimStatus.BYTES));
                busy.await();
                ByteBuffer order = ShimOrder.signal(Signal.HUP);
                int size = order.remaining();
                assertTrue(link.send(order));
                ByteBuffer received = ByteBuffer.allocate(size);
                while (received.hasRemaining()) {
                    assertTrue(shim.read(received) > 0);
                }
                assertEquals(Signal.HUP.number(), received.get(size - 1));
            } finally {
                over.countDown();
            }
        }
    }
}
