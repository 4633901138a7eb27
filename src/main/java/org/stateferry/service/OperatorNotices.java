package org.stateferry.service;

/** Where a service tells what an operator should know at its start and its end: on a terminal, or in a supervisor's log. */
@FunctionalInterface
public interface OperatorNotices {
    /** @param line one line without a full stop */
    void tell(String line);
}
