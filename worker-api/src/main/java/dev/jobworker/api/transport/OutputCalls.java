package dev.jobworker.api.transport;

import dev.jobworker.api.WorkerException;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;

/** How a client asks a server for the output of one job: what of {@link ResumingReader} is a transport's own. */
public interface OutputCalls {

    /** Asks for output; a few events at first, more by {@link Call#request}. Does not wait. */
    Call open(OutputQuery query, Receiver receiver);

    /** Returns whether the client was closed, so that another attempt is no use. */
    boolean isClosed();

    /** One call that is under way. */
    interface Call {
        /** Asks for one event more. */
        void request();

        /** Ends it; what still comes is of no interest. Never fails. */
        void cancel();
    }

    /** Who is told what comes, by one thread at a time. Never blocks. */
    interface Receiver {
        /** The service answered, in whatever way. */
        void reached();

        void event(OutputEvent event);

        /** Nothing more will come. */
        void ended(WorkerException failure);
    }
}
