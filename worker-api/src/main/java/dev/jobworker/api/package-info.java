/** The contract between clients and workers, its errors and its wire form. Start reading at {@link dev.jobworker.api.JobWorker}. */
@NullMarked
package dev.jobworker.api;

import org.jspecify.annotations.NullMarked;
