package dev.jobworker.api.auth;

/** On which jobs a role may do something. */
enum Scope {
    NONE,
    OWN,
    ANY
}
