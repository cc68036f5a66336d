/** Programs that embed jobworker. */
@NullMarked
package dev.jobworker.examples;

import org.jspecify.annotations.NullMarked;
