package org.stateferry.web;

/** The roles of users and tokens; each includes those before it. */
enum Role {
    /** Look at everything. */
    VIEWER,
    /** Start and stop imports, too. */
    OPERATOR,
    /** Take imports out of the history, too. */
    ADMIN
}
