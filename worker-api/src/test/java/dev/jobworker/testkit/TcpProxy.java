package dev.jobworker.testkit;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;

/** Passes connections on to a local port, and cuts each one, or stops to read from it, after as many bytes from the server as {@code lifetime} says. */
public final class TcpProxy implements AutoCloseable {
    private static final int BUFFER_BYTES = 16 << 10;

    private final int target;
    private final LongSupplier lifetime;
    private final ServerSocket listener;
    private final CountDownLatch held = new CountDownLatch(1);
    private final boolean hold;
    private final AtomicInteger cuts = new AtomicInteger();
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();

    public static TcpProxy cutting(int target, LongSupplier lifetime) throws IOException {
        return new TcpProxy(target, lifetime, false);
    }

    public static TcpProxy holding(int target, LongSupplier lifetime) throws IOException {
        return new TcpProxy(target, lifetime, true);
    }

    private TcpProxy(int target, LongSupplier lifetime, boolean hold) throws IOException {
        this.hold = hold;
        this.target = target;
        this.lifetime = lifetime;
        this.listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        Thread.ofVirtual().start(this::accept);
    }

    public int port() {
        return listener.getLocalPort();
    }

    /** Returns how many connections were cut because their bytes were used up. */
    public int cuts() {
        return cuts.get();
    }

    /** Cuts all connections of now. */
    public void cutAll() {
        sockets.forEach(TcpProxy::close);
    }

    private void accept() {
        while (true) {
            try {
                Socket client = listener.accept();
                sockets.add(client);
                Socket server = new Socket(InetAddress.getLoopbackAddress(), target);
                sockets.add(server);
                long bytes = lifetime.getAsLong();
                Thread.ofVirtual().start(() -> pass(client, server, Long.MAX_VALUE));
                Thread.ofVirtual().start(() -> pass(server, client, bytes));
            } catch (IOException closed) {
                if (listener.isClosed()) {
                    return;
                }
            }
        }
    }

    private void pass(Socket from, Socket to, long bytes) {
        byte[] buffer = new byte[BUFFER_BYTES];
        long left = bytes;
        try (from;
                to) {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            while (left > 0) {
                int count = in.read(buffer, 0, (int) Math.min(left, buffer.length));
                if (count < 0) {
                    return;
                }
                out.write(buffer, 0, count);
                left -= count;
            }
            if (hold) {
                held.await();
            }
            cuts.incrementAndGet();
        } catch (IOException | InterruptedException cut) {
            // by the other direction
        } finally {
            sockets.remove(from);
            sockets.remove(to);
        }
    }

    private static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
        held.countDown();
        cutAll();
    }
}
