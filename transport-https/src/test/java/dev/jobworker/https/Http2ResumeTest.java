package dev.jobworker.https;

import dev.jobworker.testkit.ResumeContract;
import dev.jobworker.testkit.Transport;
import java.net.http.HttpClient;

class Http2ResumeTest extends ResumeContract {
    @Override
    protected Transport transport() {
        return HttpsTransport.of(HttpClient.Version.HTTP_2);
    }
}
