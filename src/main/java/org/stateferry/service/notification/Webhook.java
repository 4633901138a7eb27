package org.stateferry.service.notification;

import java.io.IOException;
import java.net.URI;
import org.stateferry.repository.JsonText;

/** Receives each event as a JSON POST. */
record Webhook(HttpSender http, URI uri) implements Receiver {
    @Override
    public String type() {
        return "webhook";
    }

    @Override
    public String place() {
        return placeOf(uri);
    }

    /** The path, and what follows it, may be a secret. */
    static String placeOf(URI uri) {
        return uri.getScheme() + "://" + uri.getRawAuthority();
    }

    @Override
    public String address() {
        return uri.toString();
    }

    @Override
    public boolean wantsNewestOnly() {
        return false;
    }

    @Override
    public void tell(Notice notice) throws IOException {
        http.post(uri, "application/json", JsonText.line(notice.event()));
    }

    @Override
    public String toString() {
        return place();
    }
}
