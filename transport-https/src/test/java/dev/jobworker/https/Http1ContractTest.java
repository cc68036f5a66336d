package dev.jobworker.https;

import java.net.http.HttpClient;

class Http1ContractTest extends HttpsContract {
    Http1ContractTest() {
        super(HttpClient.Version.HTTP_1_1);
    }
}
