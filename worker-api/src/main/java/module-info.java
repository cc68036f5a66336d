/** The contract between clients and workers, and the only authentication and authorization code. */
module dev.jobworker.api {
    requires transitive com.google.protobuf;
    requires transitive dev.jobworker.core;
    requires static transitive org.jspecify;
    requires tools.jackson.databind;
    requires tools.jackson.dataformat.yaml;

    exports dev.jobworker.api;
    exports dev.jobworker.api.auth;
    exports dev.jobworker.api.transport;
    exports dev.jobworker.api.v1;

    // The policy file is read into records.
    opens dev.jobworker.api.auth to
            tools.jackson.databind;
}
