package org.stateferry.web;

/** What somebody may have the service do; each role includes those before it. */
enum Role {
    /** Look at everything. */
    VIEWER,
    /** Start and stop imports, too. */
    OPERATOR,
    /** Take imports out of the history, too. */
    ADMIN
}
