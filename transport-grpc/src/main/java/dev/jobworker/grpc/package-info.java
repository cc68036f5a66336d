/** The gRPC transport: a server over {@link dev.jobworker.api.auth.JobWorkerAccess} and a client that is a {@link dev.jobworker.api.JobWorker}. */
@NullMarked
package dev.jobworker.grpc;

import org.jspecify.annotations.NullMarked;
