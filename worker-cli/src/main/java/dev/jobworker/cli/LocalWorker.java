package dev.jobworker.cli;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.JobEngine;
import java.io.IOException;
import java.nio.file.Path;

/** An engine in this process, for this user. Its jobs go on when the process ends; the next one finds them. */
record LocalWorker(JobEngine engine, JobWorker worker) implements AutoCloseable {

    static LocalWorker open(Console console) {
        Path state = stateFolder(console).resolve("local");
        try {
            JobEngine engine = JobEngine.open(state, EngineOptions.DEFAULTS);
            return new LocalWorker(engine, JobWorkerAccess.embedded(engine, userName(), Version.TEXT));
        } catch (IOException e) {
            throw new CliException(
                    ExitCodes.FAILED,
                    "cannot use this machine as a worker: " + FileErrors.describe(e)
                            + "; one command at a time can, a server (jobworker serve) serves many",
                    e);
        }
    }

    /** Returns where this program keeps what must outlive it. */
    static Path stateFolder(Console console) {
        return console.xdgFolder("XDG_STATE_HOME", ".local/state").resolve("jobworker");
    }

    // An account may have a name that cannot be part of a SPIFFE ID.
    private static String userName() {
        String name = System.getProperty("user.name", "");
        return name.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,63}") ? name : "unnamed";
    }

    @Override
    public void close() {
        worker.close();
        engine.close();
    }
}
