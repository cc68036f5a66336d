/** JMH benchmarks. Each checks its own answers. */
@NullMarked
package dev.jobworker.benchmarks;

import org.jspecify.annotations.NullMarked;
