package dev.jobworker.https;

import dev.jobworker.api.Wire;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.transport.WaitingCalls;
import dev.jobworker.api.v1.StreamOutputRequest;
import dev.jobworker.core.ExitStatus;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobStatus;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

/**
 * One request for output, and its thread: read an event, write it, wait until it is written. So a client that does not read costs what one event and
 * the connection's window take.
 *
 * <p>An answer that ends cleanly is complete as it was asked for; every other one is cut.
 */
final class OutputExchange {
    private static final String EVENTS = "text/event-stream";
    private static final String LAST_EVENT_ID = "Last-Event-ID";
    private static final Set<String> WITH_RANGE = Set.of("stream", "follow");
    /** The longest wait before the certificate is looked at again; that may end in a year that no clock of nanoseconds reaches. */
    private static final Duration LOOK_AGAIN = Duration.ofHours(1);

    private static final Duration TELLING = Duration.ofSeconds(1);

    private final Exchange exchange;
    private final JobId job;
    private final Duration heartbeat;
    private final WaitingCalls waitingCalls;
    // Written by the exchange's thread, for those who end it.
    private volatile @Nullable OutputReader reader;
    private volatile Callback.@Nullable Completable writing;
    // Set once: the client is gone, or the server shuts down.
    private volatile boolean ended;

    OutputExchange(Exchange exchange, JobId job, Duration heartbeat, WaitingCalls waitingCalls) {
        this.exchange = exchange;
        this.job = job;
        this.heartbeat = heartbeat;
        this.waitingCalls = waitingCalls;
    }

    /** How events are written into the body. */
    private interface Form {
        /** Returns what is written before the first event, which comes at {@code offset}. */
        ByteBuffer begin(long offset);

        ByteBuffer bytes(OutputEvent event);
    }

    void run() throws InterruptedException, IOException {
        OutputQuery query = Wire.outputQuery(Parameters.OF_OUTPUT
                .read(exchange.query(), StreamOutputRequest.newBuilder())
                .build());
        exchange.request.addIdleTimeoutListener(_ -> false); // a silent job is no reason to end
        exchange.client().onEnd(this::onGone);
        Runnable ender = this::end;
        waitingCalls.add(ender);
        try {
            if (wantsEvents()) {
                String lastId = exchange.header(LAST_EVENT_ID);
                events(lastId == null ? query : resumed(query, lastId));
            } else {
                raw(query);
            }
        } catch (RuntimeException failure) {
            RuntimeException told = ended ? WaitingCalls.shuttingDown() : failure;
            if (wantsEvents() && exchange.response.isCommitted() && told instanceof WorkerException known) {
                tell(known);
            }
            throw told;
        } finally {
            waitingCalls.remove(ender);
        }
    }

    private boolean wantsEvents() {
        return exchange.request.getHeaders().getCSV(HttpHeader.ACCEPT, false).stream()
                .anyMatch(type -> type.split(";", 2)[0].strip().equalsIgnoreCase(EVENTS));
    }

    private static OutputQuery resumed(OutputQuery query, String lastEventId) {
        if (!lastEventId.matches("[0-9]{1,18}")) {
            throw Parameters.invalid(LAST_EVENT_ID, "is not an offset");
        }
        if (query.limitBytes() != Long.MAX_VALUE) {
            throw Parameters.invalid(LAST_EVENT_ID, "cannot go with limit: how much of that is left is not known here");
        }
        return query.withOffset(Long.parseLong(lastEventId));
    }

    /** Closing a reader writes to the audit log: not in Jetty's threads. */
    private void onGone() {
        Thread.startVirtualThread(this::end);
    }

    private void end() {
        ended = true;
        OutputReader open = reader;
        if (open != null) {
            open.close();
        }
        Callback.Completable pending = writing;
        if (pending != null) {
            pending.completeExceptionally(WaitingCalls.shuttingDown());
        }
    }

    // ---- The bytes themselves

    private void raw(OutputQuery query) throws InterruptedException, IOException {
        HttpFields.Mutable headers = exchange.response.getHeaders();
        String range = range();
        OutputQuery wanted = query;
        if (range != null || !query.follow()) {
            Job now = exchange.worker().get(job);
            if (range != null) {
                ByteRange.Part part = ByteRange.parse(range).of(now, query);
                headers.put(HttpHeader.CONTENT_RANGE, part.contentRange());
                wanted = part.query();
            }
            if (!query.follow() && wanted.from() instanceof OutputQuery.From.Offset(long offset)) {
                long rest = Math.max(0, now.output().bytes(query.view()) - offset);
                wanted = new OutputQuery(query.view(), wanted.from(), false, Math.min(wanted.limitBytes(), rest));
                headers.put(HttpHeader.CONTENT_LENGTH, wanted.limitBytes());
            }
        }
        headers.put(HttpHeader.ACCEPT_RANGES, "bytes");
        Trailers trailers = new Trailers();
        if (!headers.contains(HttpHeader.CONTENT_LENGTH)) {
            headers.put(HttpHeader.TRAILER, Trailers.NAMES);
            exchange.response.setTrailersSupplier(trailers::fields);
        }
        OutputEvent.@Nullable End end = stream(
                wanted,
                range == null ? HttpStatus.OK_200 : HttpStatus.PARTIAL_CONTENT_206,
                "application/octet-stream",
                new Form() {
                    @Override
                    public ByteBuffer begin(long offset) {
                        return ByteBuffer.allocate(0);
                    }

                    @Override
                    public ByteBuffer bytes(OutputEvent event) {
                        return event instanceof OutputEvent.Chunk chunk ? chunk.bytes() : ByteBuffer.allocate(0);
                    }
                });
        if (end != null) {
            trailers.fill(end.job());
        }
        exchange.callback().succeeded();
    }

    /** Returns the header if it is to be obeyed. There are no validators here, so a condition on one is never met; other units than bytes are ignored. */
    private @Nullable String range() {
        String range = exchange.header(HttpHeader.RANGE.asString());
        boolean applies =
                range != null && range.startsWith("bytes") && exchange.header(HttpHeader.IF_RANGE.asString()) == null;
        if (applies && exchange.query().stream().anyMatch(p -> !WITH_RANGE.contains(p.getName()))) {
            throw Parameters.invalid("Range", "cannot go with offset, tail, tailLines or limit");
        }
        return applies ? range : null;
    }

    /** Said after the last byte: what became of the job. */
    private static final class Trailers {
        static final String NAMES = "Job-State, Job-Exit-Code, Job-Exit-Signal";
        private final HttpFields.Mutable fields = HttpFields.build();

        HttpFields fields() {
            return fields;
        }

        void fill(Job job) {
            fields.put("Job-State", job.state().name());
            if (job.status() instanceof JobStatus.Ended end) {
                switch (end.exit()) {
                    case ExitStatus.Code(int code) -> fields.put("Job-Exit-Code", code);
                    case ExitStatus.Signaled(var signal, boolean _) -> fields.put("Job-Exit-Signal", signal.name());
                }
            }
        }
    }

    // ---- Server-sent events

    private void events(OutputQuery query) throws InterruptedException, IOException {
        stream(query, HttpStatus.OK_200, EVENTS, new Form() {
            @Override
            public ByteBuffer begin(long offset) {
                return EventStream.position(offset);
            }

            @Override
            public ByteBuffer bytes(OutputEvent event) {
                return EventStream.event(event);
            }
        });
        exchange.callback().succeeded();
    }

    /** Says why the answer will be cut, if the client still listens. */
    private void tell(WorkerException failure) throws InterruptedException {
        Callback.Completable written = new Callback.Completable();
        exchange.response.write(false, EventStream.problem(Problem.of(failure, exchange.id())), written);
        try {
            await(written, TELLING);
        } catch (IOException | RuntimeException deaf) {
            // It learns from the cut that something is wrong, and asks again.
        }
    }

    // ---- Both

    /** Returns the end, or null if only the head was asked for. */
    private OutputEvent.@Nullable End stream(OutputQuery query, int status, String mediaType, Form form)
            throws InterruptedException, IOException {
        try (OutputReader output = exchange.worker().output(job, query)) {
            reader = output;
            // Tells where the output begins, and fails while the answer can still be an error.
            OutputEvent event = output.next(Duration.ZERO);
            exchange.response.setStatus(status);
            Exchange.addCommonHeaders(exchange.response);
            exchange.response.getHeaders().put(HttpHeader.CONTENT_TYPE, mediaType);
            if (query.follow()) {
                Departure.watch(exchange.request, exchange.response, this::onGone);
            }
            write(form.begin(beginOf(event)));
            if (event instanceof OutputEvent.Idle && !exchange.isHead()) { // just said
                event = output.next(heartbeat);
            }
            while (!exchange.isHead()) {
                ByteBuffer bytes = form.bytes(event);
                if (bytes.hasRemaining()) {
                    write(bytes);
                }
                if (event instanceof OutputEvent.End end) {
                    return end;
                }
                event = output.next(heartbeat);
            }
            return null;
        }
    }

    private static long beginOf(OutputEvent event) {
        return switch (event) {
            case OutputEvent.Chunk chunk -> chunk.offset();
            case OutputEvent.Idle(long nextOffset) -> nextOffset;
            case OutputEvent.End end -> end.nextOffset();
        };
    }

    private void write(ByteBuffer bytes) throws InterruptedException, IOException {
        Callback.Completable written = new Callback.Completable();
        writing = written;
        if (ended) {
            throw WaitingCalls.shuttingDown();
        }
        exchange.response.write(false, bytes, written);
        // A client that does not read, either, has its answer no longer than its certificate is good.
        while (!await(written, exchange.admittedFor())) {}
        writing = null;
    }

    /** Returns false if {@code patience} is over before. */
    private static boolean await(Callback.Completable written, Duration patience)
            throws InterruptedException, IOException {
        try {
            Duration wait = patience.compareTo(LOOK_AGAIN) < 0 ? patience : LOOK_AGAIN;
            written.get(wait.plusMillis(1).toNanos(), TimeUnit.NANOSECONDS);
            return true;
        } catch (TimeoutException notYet) {
            return false;
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof WorkerException failure) {
                throw failure;
            }
            throw new IOException("the client is gone", failed.getCause());
        }
    }
}
