package dev.jobworker.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** Shows what this can do. */
@Command(
        name = "quickstart",
        description = {
            "See it work: a server on this machine with throw-away certificates, and several jobs.",
            "Takes about ten seconds and leaves nothing behind. Exit 0 only if all went as announced."
        })
final class QuickstartCommand implements Callable<Integer> {
    private final Console console;

    QuickstartCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        Narrator narrator = new Narrator(console);
        narrator.tell(
                "This makes a certificate authority in a temporary folder, starts a server on loopback with mutual");
        narrator.tell("TLS 1.3, and runs jobs through it. Each command is shown as you would type it, and really run.");
        narrator.heading("0. Certificates and a server");
        Path folder;
        try (QuickstartSandbox sandbox = QuickstartSandbox.open(narrator)) {
            folder = sandbox.folder();
            narrator.check(true, "serving " + sandbox.address() + "; no one gets in without a certificate");
            new Quickstart(sandbox, narrator).play();
        }
        narrator.heading("7. Clean up");
        narrator.check(!Files.exists(folder), "the server is closed and " + folder + " is removed");
        int failures = narrator.failures();
        narrator.heading(
                failures == 0 ? "All went as announced." : failures + " things did not go as announced: see NOT SO.");
        return failures == 0 ? ExitCodes.OK : ExitCodes.FAILED;
    }
}
