package dev.jobworker.https;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

/** Holds every answer of a server against the published description of the interface. */
final class ResponseCheck extends Handler.Wrapper {
    private final List<String> faults = new CopyOnWriteArrayList<>();

    ResponseCheck(Handler handler) {
        super(handler);
    }

    void assertNoFaults() {
        assertEquals(List.of(), faults);
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
        return super.handle(request, new Recorder(request, response), callback);
    }

    private final class Recorder extends Response.Wrapper {
        private final ByteArrayOutputStream body = new ByteArrayOutputStream();

        Recorder(Request request, Response response) {
            super(request, response);
        }

        @Override
        public void write(boolean last, @Nullable ByteBuffer bytes, Callback callback) {
            String type = getHeaders().get(HttpHeader.CONTENT_TYPE);
            if (last && type != null && type.endsWith("json") && bytes != null) {
                byte[] copy = new byte[bytes.remaining()];
                bytes.duplicate().get(copy);
                body.writeBytes(copy);
                String path = Request.getPathInContext(getRequest());
                Optional<Operation> operation = Operation.at(path).stream()
                        .filter(o -> o.answers(getRequest().getMethod()))
                        .findFirst();
                ApiDocument.faults(operation, getStatus(), type, body.toByteArray())
                        .forEach(fault -> faults.add(getRequest().getMethod() + " " + path + ": " + fault));
            }
            super.write(last, bytes, callback);
        }
    }
}
