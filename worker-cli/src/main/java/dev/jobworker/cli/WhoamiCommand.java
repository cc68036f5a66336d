package dev.jobworker.cli;

import dev.jobworker.api.CallerIdentity;
import dev.jobworker.api.JsonWire;
import dev.jobworker.api.Wire;
import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Tells who one is to the worker. */
@Command(name = "whoami", description = "Show your identity, your role, and when your certificate ends.")
final class WhoamiCommand implements Callable<Integer> {
    private final Console console;

    @Mixin
    private final ConnectionOptions connection = new ConnectionOptions();

    @Option(names = "-o", paramLabel = "table|json|jsonl", description = "Format.")
    private Format format = Format.TABLE;

    WhoamiCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        return connection.use(console, worker -> {
            CallerIdentity caller = worker.whoami();
            console.print(
                    switch (format) {
                        case TABLE ->
                            "Identity:     " + Text.escape(caller.identity()) + "\nRole:         "
                                    + (caller.role().isEmpty() ? "none" : Text.escape(caller.role()))
                                    + "\nCertificate:  until " + caller.certificateExpireTime() + "\n";
                        case JSON -> JsonWire.document(Wire.toProto(caller)) + "\n";
                        case JSONL -> JsonWire.line(Wire.toProto(caller)) + "\n";
                    });
            return ExitCodes.OK;
        });
    }
}
