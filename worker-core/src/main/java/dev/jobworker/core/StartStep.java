package dev.jobworker.core;

/** The points of a start between which a worker may die. Tests let it die there. */
enum StartStep {
    /** The folder is on disk, the launcher knows nothing of it. */
    FOLDER_WRITTEN,
    /** The launcher has the request. */
    REQUEST_SENT,
    /** The job runs and nobody was told. */
    REPLY_RECEIVED
}
