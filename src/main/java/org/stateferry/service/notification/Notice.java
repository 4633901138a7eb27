package org.stateferry.service.notification;

/**
 * The content of one notification.
 *
 * @param kind its kind
 * @param event what has happened
 * @param log the end of the import's log, or empty
 */
record Notice(EventKind kind, Event event, String log) {}
