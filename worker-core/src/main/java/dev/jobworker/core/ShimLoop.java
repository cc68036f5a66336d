package dev.jobworker.core;

import static java.lang.System.Logger.Level.ERROR;
import static java.lang.System.Logger.Level.WARNING;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.CancelledKeyException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * The worker's end of all control sockets: one thread, "jobworker-shims", that sleeps in a selector until a shim has news or can take the rest of
 * an order.
 */
final class ShimLoop implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(ShimLoop.class.getName());

    private final Selector selector;
    private final Thread thread;
    private volatile boolean closed;

    ShimLoop() throws IOException {
        selector = Selector.open();
        thread = Thread.ofPlatform().name("jobworker-shims").daemon().unstarted(this::run);
        thread.start();
    }

    /** Who is told what a shim says. Called by the loop's thread: must not block. */
    interface Listener {
        void status(ShimStatus status);

        /** The shim closed the connection or is gone. */
        void ended();
    }

    /** Returns a channel for {@link #connect}, so that a start can have its descriptor before there is a process. */
    static SocketChannel open() throws IOException {
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        channel.configureBlocking(false);
        return channel;
    }

    /**
     * Connects to the shim that listens on {@code socket}. Does not block, so that no interrupt can come between. Closes the channel if it fails.
     *
     * @throws java.net.ConnectException if none listens
     */
    Link connect(SocketChannel channel, Path socket, Listener listener) throws IOException {
        try {
            if (!channel.connect(UnixDomainSocketAddress.of(socket))) {
                throw new IOException("too many connect to " + socket);
            }
            Link link = new Link(listener, channel);
            channel.register(selector, SelectionKey.OP_READ, link);
            if (closed) { // the loop may not have seen it any more
                throw new ClosedSelectorException();
            }
            selector.wakeup();
            return link;
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    private void run() {
        while (!closed) {
            try {
                selector.select(this::serve);
            } catch (IOException | RuntimeException | Error e) {
                // Whatever it is, the other jobs need this thread.
                LOG.log(ERROR, "serving the control sockets", e);
            }
        }
        for (SelectionKey key : selector.keys()) {
            ((Link) key.attachment()).disconnect();
        }
        try {
            selector.close();
        } catch (IOException e) {
            LOG.log(WARNING, "closing the selector of the control sockets", e);
        }
    }

    private void serve(SelectionKey key) {
        Link link = (Link) key.attachment();
        if (key.isValid() && key.isWritable()) {
            link.flush();
        }
        if (key.isValid() && key.isReadable()) {
            link.read();
        }
    }

    /** Lets go of all shims. Their jobs go on. */
    @Override
    public void close() {
        closed = true;
        selector.wakeup();
        Threads.joinUninterruptibly(thread);
    }

    /** The connection to one shim. Everything but {@link #send} runs in the loop's thread; the monitor guards the order of writes. */
    final class Link {
        private static final int MAX_WAITING_ORDERS = 16;

        private final Listener listener;
        private final SocketChannel channel;
        private final Queue<ByteBuffer> orders = new ConcurrentLinkedQueue<>();
        private final ByteBuffer received =
                ByteBuffer.allocate(16 * ShimStatus.BYTES).order(ByteOrder.LITTLE_ENDIAN);

        private volatile boolean over;

        Link(Listener listener, SocketChannel channel) {
            this.listener = listener;
            this.channel = channel;
        }

        /**
         * Gives an order, from any thread. It is in the socket when this returns, so that the death of the worker does not take it back; it waits
         * here only if the socket is full. Returns false if {@value #MAX_WAITING_ORDERS} or more wait.
         */
        boolean send(ByteBuffer order) {
            if (orders.size() >= MAX_WAITING_ORDERS) {
                return false;
            }
            sendInput(order);
            return true;
        }

        /** Gives input, which the caller bounds by {@link ShimOrder#INPUT_WINDOW}, as {@link #send} does. */
        void sendInput(ByteBuffer order) {
            orders.add(order);
            flush();
        }

        private void read() {
            try {
                int count;
                do {
                    count = channel.read(received);
                    takeLatestStatus();
                } while (count > 0);
                if (count < 0) {
                    end();
                }
            } catch (IOException reset) {
                end();
            }
        }

        /** Each status replaces those before it. */
        private void takeLatestStatus() {
            int whole = received.position() / ShimStatus.BYTES;
            if (whole > 0) {
                received.flip().position((whole - 1) * ShimStatus.BYTES);
                ShimStatus status = ShimStatus.decode(received);
                received.compact();
                listener.status(status);
            }
        }

        private synchronized void flush() {
            SelectionKey key = channel.keyFor(selector);
            if (key == null || !key.isValid()) {
                return; // The shim has left.
            }
            try {
                for (ByteBuffer order = orders.peek(); order != null; order = orders.peek()) {
                    channel.write(order);
                    if (order.hasRemaining()) {
                        key.interestOps(SelectionKey.OP_READ | SelectionKey.OP_WRITE);
                        selector.wakeup();
                        return;
                    }
                    orders.remove();
                }
                key.interestOps(SelectionKey.OP_READ);
            } catch (IOException | CancelledKeyException gone) {
                // The shim has left; reading says so, after its last status.
                orders.clear();
            }
        }

        /** Whether the listener was told, or is being told, that it ended. */
        boolean isOver() {
            return over;
        }

        private void end() {
            over = true;
            disconnect();
            listener.ended();
        }

        private void disconnect() {
            try {
                channel.close();
            } catch (IOException e) {
                LOG.log(WARNING, "closing a control socket", e);
            }
        }
    }
}
