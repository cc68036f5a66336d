/** The HTTPS/JSON transport. Not built yet: this module holds its place. */
module dev.jobworker.https {}
