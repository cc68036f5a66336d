package dev.jobworker.core;

/** The points at which it matters most that a worker may die. Tests let it die there. */
enum FaultPoint {
    /** A start: the folder is there and has a lock file, but no record yet. */
    FOLDER_MADE,
    /** A start: the folder is complete, the launcher knows nothing of it. */
    FOLDER_WRITTEN,
    /** A start: the launcher has the request. */
    REQUEST_SENT,
    /** A start: the job runs and nobody was told. */
    REPLY_RECEIVED,
    /** A start: the job can be found, and the caller does not know it yet. */
    JOB_ENTERED,
    /** An opening of the engine: some jobs may be taken up, this one is not. */
    TAKING_UP,
    /** A shim was killed: that its job is lost is known, and not written yet. */
    LOSS_FOUND,
    /** A deletion: the folder has lost its name, its files are there. */
    FOLDER_DISCARDED
}
