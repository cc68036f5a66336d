package dev.jobworker.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;

/** Tells which version this is. */
@Command(name = "version", description = "Show the version.")
final class VersionCommand implements Callable<Integer> {
    private final Console console;

    VersionCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException {
        // Only the jar knows; classes of a build tree are of no version yet.
        @Nullable String version = VersionCommand.class.getPackage().getImplementationVersion();
        console.print("jobworker " + (version == null ? "(not packaged)" : version) + "\n");
        return ExitCodes.OK;
    }
}
