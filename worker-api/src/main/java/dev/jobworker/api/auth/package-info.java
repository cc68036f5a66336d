/** Who may do what: TLS contexts, certificate to identity, policy, audit, and the only door to the engine. Start reading at {@link dev.jobworker.api.auth.JobWorkerAccess}. */
@NullMarked
package dev.jobworker.api.auth;

import org.jspecify.annotations.NullMarked;
