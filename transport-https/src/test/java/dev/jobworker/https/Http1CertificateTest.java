package dev.jobworker.https;

import dev.jobworker.testkit.CertificateContract;
import dev.jobworker.testkit.Transport;
import java.net.http.HttpClient;

class Http1CertificateTest extends CertificateContract {
    @Override
    protected Transport transport() {
        return HttpsTransport.of(HttpClient.Version.HTTP_1_1);
    }
}
