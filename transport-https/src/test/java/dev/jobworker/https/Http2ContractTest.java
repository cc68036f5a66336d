package dev.jobworker.https;

import java.net.http.HttpClient;

class Http2ContractTest extends HttpsContract {
    Http2ContractTest() {
        super(HttpClient.Version.HTTP_2);
    }
}
