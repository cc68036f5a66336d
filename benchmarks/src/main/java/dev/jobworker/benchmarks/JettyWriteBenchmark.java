package dev.jobworker.benchmarks;

import dev.jobworker.https.HttpsConnector;
import dev.jobworker.https.HttpsServerOptions;
import java.io.IOException;
import java.net.http.HttpClient;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.IteratingNestedCallback;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Writing a body of 256 KiB buffers with Jetty over mutual TLS on loopback: {@code BLOCKING} by a virtual thread that waits for every write, as output is
 * served, {@code CALLBACK} by the callback of the write before. The score is bodies per second: multiply by {@code megabytes}.
 *
 * <p>Every run checks the length.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(value = 2, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 2, time = 3)
@Measurement(iterations = 4, time = 3)
public class JettyWriteBenchmark {
    private static final int BUFFER_BYTES = 256 << 10;

    @Param("256")
    int megabytes;

    @Param({"HTTP_1_1", "HTTP_2"})
    HttpClient.Version version = HttpClient.Version.HTTP_2;

    @Param
    Writer writer = Writer.BLOCKING;

    private final ByteBuffer content = ByteBuffer.allocateDirect(BUFFER_BYTES);
    private SecuredEngine site;
    private Server server;
    private RawClient client;

    @SuppressWarnings("NullAway.Init") // JMH calls open first
    public JettyWriteBenchmark() {}

    /** Who makes the next write. */
    public enum Writer {
        BLOCKING,
        CALLBACK
    }

    @Setup(Level.Trial)
    public void open() throws Exception {
        site = SecuredEngine.open(Path.of("/dev/shm"));
        QueuedThreadPool threads = new QueuedThreadPool(16); // as HttpsServer has
        threads.setVirtualThreadsExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server = new Server(threads);
        ServerConnector connector = HttpsConnector.create(
                server, SecuredEngine.anyPort(), site.server(), site.access(), HttpsServerOptions.DEFAULTS);
        server.addConnector(connector);
        server.setHandler(
                switch (writer) {
                    case BLOCKING -> new Blocking();
                    case CALLBACK -> new ByCallback();
                });
        server.start();
        client = new RawClient(connector.getLocalPort(), site.client(), version);
    }

    @TearDown(Level.Trial)
    public void close() throws Exception {
        client.close();
        server.stop();
        site.close();
    }

    private int writes() {
        return megabytes * ((1 << 20) / BUFFER_BYTES);
    }

    private final class Blocking extends Handler.Abstract {
        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            for (int i = 0; i < writes(); i++) {
                Callback.Completable written = new Callback.Completable();
                response.write(false, content.duplicate(), written);
                try {
                    written.get();
                } catch (ExecutionException gone) {
                    throw new IOException(gone);
                }
            }
            callback.succeeded();
            return true;
        }
    }

    private final class ByCallback extends Handler.Abstract.NonBlocking {
        @Override
        public boolean handle(Request request, Response response, Callback callback) {
            new IteratingNestedCallback(callback) {
                private int left = writes();

                @Override
                protected Action process() {
                    if (left-- == 0) {
                        return Action.SUCCEEDED;
                    }
                    response.write(false, content.duplicate(), this);
                    return Action.SCHEDULED;
                }
            }.iterate();
            return true;
        }
    }

    @Benchmark
    public long body() throws IOException, InterruptedException {
        AtomicLong length = new AtomicLong();
        client.get("/", bytes -> length.setPlain(length.getPlain() + bytes.remaining()));
        if (length.get() != (long) writes() * BUFFER_BYTES) {
            throw new IllegalStateException("got " + length + " bytes");
        }
        return length.get();
    }
}
