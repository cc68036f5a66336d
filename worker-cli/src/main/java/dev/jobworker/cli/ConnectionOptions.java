package dev.jobworker.cli;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.WorkerException;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that say which worker to talk to. */
final class ConnectionOptions {
    @Option(
            names = "--server",
            paramLabel = "URL",
            description = {
                "grpc://host[:7443] or https://host[:8443].",
                "Else JOBWORKER_SERVER, else server in config.yaml."
            })
    @Nullable
    String server;

    @Option(names = "--cert", paramLabel = "FILE", description = "Your certificate. Else JOBWORKER_CERT.")
    @Nullable
    Path certificate;

    @Option(names = "--key", paramLabel = "FILE", description = "Its private key. Else JOBWORKER_KEY.")
    @Nullable
    Path key;

    @Option(names = "--ca", paramLabel = "FILE", description = "The authority of the server. Else JOBWORKER_CA.")
    @Nullable
    Path ca;

    @Option(names = "--local", description = "Use an engine in this process, on this machine.")
    boolean local;

    /** What to do with a worker. */
    @FunctionalInterface
    interface Use {
        int with(JobWorker worker) throws IOException, InterruptedException;
    }

    Settings settings(Console console) {
        return Settings.resolve(new Settings.Flags(server, certificate, key, ca, local), console);
    }

    int use(Console console, Use use) throws IOException, InterruptedException {
        return use(settings(console), console, use);
    }

    /** Opens the worker, uses it, closes it; explains errors that have to do with certificates. */
    int use(Settings settings, Console console, Use use) throws IOException, InterruptedException {
        if (settings.isLocal()) {
            if (!local) {
                console.say("no server is configured: using this machine (--local)");
            }
            try (LocalWorker worker = LocalWorker.open(console)) {
                return use.with(worker.worker());
            }
        }
        try (JobWorker worker = Workers.connect(settings, console)) {
            return use.with(worker);
        } catch (WorkerException e) {
            throw TlsDiagnosis.explain(e, settings);
        }
    }
}
