package org.stateferry.service.notification;

import java.io.IOException;
import java.net.URI;

/**
 * A dead man's switch such as healthchecks.io: its address is requested when an import has succeeded, with {@code /start} appended
 * when one begins and {@code /fail} when one has failed, each with the end of the import's log. It raises the alarm by itself if no
 * request comes. A test has {@code /log} appended.
 */
record Ping(HttpSender http, URI uri) implements Receiver {
    @Override
    public String type() {
        return "ping";
    }

    @Override
    public String place() {
        return Webhook.placeOf(uri);
    }

    @Override
    public String address() {
        return uri.toString();
    }

    @Override
    public boolean wantsNewestOnly() {
        return true;
    }

    /** Whether there is an address for such an event. */
    static boolean hasWordFor(EventKind kind) {
        return kind != EventKind.MISSED; // that it is not asked for tells as much
    }

    @Override
    public void tell(Notice notice) throws IOException {
        String suffix = switch (notice.kind()) {
            case START -> "/start";
            case SUCCESS, RECOVERED, MISSED -> "";
            case FAILURE, DAMAGED -> "/fail";
            case TEST -> "/log";
        };
        String body = notice.log().isEmpty() ? notice.event().message() + "\n" : notice.log();
        http.post(withSuffix(suffix), "text/plain; charset=utf-8", body);
    }

    private URI withSuffix(String suffix) {
        String text = uri.toString();
        int query = text.indexOf('?');
        String path = query < 0 ? text : text.substring(0, query);
        while (!suffix.isEmpty() && path.endsWith("/")) {
            path = path.substring(0, path.length() - 1);
        }
        return URI.create(path + suffix + (query < 0 ? "" : text.substring(query)));
    }

    @Override
    public String toString() {
        return place();
    }
}
