package dev.jobworker.cli;

import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import java.time.Duration;

/** Output from the first byte that is kept, which is said if it is not the first one that there was. */
final class KeptPart implements OutputReader {
    static final OutputQuery.From ALL = new OutputQuery.From.TailBytes(Long.MAX_VALUE);

    private final OutputReader reader;
    private final Console console;
    private boolean begun;

    /** @param reader of {@link #ALL} */
    KeptPart(OutputReader reader, Console console) {
        this.reader = reader;
        this.console = console;
    }

    @Override
    public OutputEvent next(Duration maxWait) throws InterruptedException {
        OutputEvent event = reader.next(maxWait);
        if (!begun && event instanceof OutputEvent.Chunk chunk) {
            begun = true;
            if (chunk.offset() > 0) {
                console.say("the first " + chunk.offset() + " bytes of the output are no longer kept");
            }
        }
        return event;
    }

    @Override
    public void close() {
        reader.close();
    }
}
