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
        Logging.quiet();
        Narrator narrator = new Narrator(console);
        narrator.tell(
                "This makes a certificate authority in a temporary folder, starts a server on loopback that speaks");
        narrator.tell("gRPC and HTTPS over mutual TLS 1.3, and runs jobs through both. Each command is shown as you");
        narrator.tell("would type it, and really run.");
        narrator.heading("0. Certificates and a server");
        Path folder;
        try (QuickstartSandbox sandbox = QuickstartSandbox.open(narrator)) {
            folder = sandbox.folder();
            narrator.check(
                    sandbox.refusesWhoHasNoCertificate(Transport.GRPC)
                            && sandbox.refusesWhoHasNoCertificate(Transport.HTTPS),
                    "one server, both transports; no one gets in without a certificate");
            new Quickstart(sandbox, narrator).play();
        }
        narrator.heading("8. Clean up");
        narrator.check(!Files.exists(folder), "the server is closed and " + folder + " is removed");
        int failures = narrator.failures();
        narrator.heading(
                failures == 0 ? "All went as announced." : failures + " things did not go as announced: see NOT SO.");
        return failures == 0 ? ExitCodes.OK : ExitCodes.FAILED;
    }
}
