package dev.jobworker.https;

import dev.jobworker.testkit.SilenceContract;
import dev.jobworker.testkit.Transport;
import java.net.http.HttpClient;
import java.time.Duration;

class Http2SilenceTest extends SilenceContract {
    @Override
    protected Transport transport() {
        return HttpsTransport.of(HttpClient.Version.HTTP_2)
                .withHeartbeat(HEARTBEAT)
                .withTimeouts(Duration.ofSeconds(10), IDLE);
    }
}
