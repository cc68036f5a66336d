/**
 * What the tests of all transports share: throw-away certificates and the contract that every {@link dev.jobworker.api.JobWorker} fulfils.
 *
 * <p>A package of its own, because a package that a module exports cannot be extended from the class path.
 */
@NullMarked
package dev.jobworker.testkit;

import org.jspecify.annotations.NullMarked;
