package dev.jobworker.https;

import dev.jobworker.testkit.CertificateContract;
import dev.jobworker.testkit.Transport;
import java.net.http.HttpClient;

class Http2CertificateTest extends CertificateContract {
    @Override
    protected Transport transport() {
        return HttpsTransport.of(HttpClient.Version.HTTP_2);
    }
}
