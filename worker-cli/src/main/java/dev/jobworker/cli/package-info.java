/** The server and its command line: the composition root. Start reading at {@link dev.jobworker.cli.Main}. */
@NullMarked
package dev.jobworker.cli;

import org.jspecify.annotations.NullMarked;
