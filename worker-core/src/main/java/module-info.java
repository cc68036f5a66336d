/** The job engine, embeddable alone. */
module dev.jobworker.core {
    requires static transitive org.jspecify;
    requires tools.jackson.databind;

    exports dev.jobworker.core;

    // The records of a job's folder are read and written as JSON.
    opens dev.jobworker.core to
            tools.jackson.databind;
}
