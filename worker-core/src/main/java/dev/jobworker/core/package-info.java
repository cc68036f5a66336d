/** The job engine: start, supervise, stop and follow Linux processes that outlive the JVM. Start reading at {@link dev.jobworker.core.JobEngine}. */
@NullMarked
package dev.jobworker.core;

import org.jspecify.annotations.NullMarked;
