/** The HTTPS/JSON transport: a handler and server over {@link dev.jobworker.api.auth.JobWorkerAccess}, and a client that is a {@link dev.jobworker.api.JobWorker}. */
@NullMarked
package dev.jobworker.https;

import org.jspecify.annotations.NullMarked;
