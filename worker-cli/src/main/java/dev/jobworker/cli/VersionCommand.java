package dev.jobworker.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
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
        console.print("jobworker " + Version.TEXT + "\n");
        return ExitCodes.OK;
    }
}
