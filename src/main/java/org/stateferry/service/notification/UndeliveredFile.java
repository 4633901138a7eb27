package org.stateferry.service.notification;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.stateferry.home.StateferryHome;
import org.stateferry.service.definition.HomeFile;

/**
 * Failure notifications that are not delivered yet, kept in a file of the home until they are delivered or given up, so
 * that they survive a restart. Receivers are known by a hash, as their addresses may be secrets. Thread-safe.
 */
final class UndeliveredFile {
    /** No more are kept; the oldest go first. */
    private static final int KEPT_MAX = 100;

    private final HomeFile<Content> file;
    private final List<Entry> entries = new ArrayList<>();
    /** Those of the service before, whose receivers have not been seen yet. */
    private final List<Entry> left = new ArrayList<>();

    record Content(List<Entry> entries) {
        Content {
            entries = List.copyOf(entries);
        }
    }

    /**
     * A notification that has not been delivered.
     *
     * @param receiver the hash of whom it is for
     */
    record Entry(String receiver, EventKind kind, Event event) {}

    /** @param home where it is kept */
    UndeliveredFile(StateferryHome home) {
        file = new HomeFile<>(home.notificationsFile(), Content.class);
        file.read().ifPresent(content -> left.addAll(content.entries));
    }

    synchronized void add(Receiver receiver, Notice notice) {
        entries.add(new Entry(hash(receiver), notice.kind(), notice.event()));
        if (entries.size() > KEPT_MAX) {
            entries.remove(0);
        }
        write();
    }

    synchronized void remove(Receiver receiver, Event event) {
        String hash = hash(receiver);
        if (entries.removeIf(entry -> entry.receiver.equals(hash) && entry.event.equals(event))) {
            write();
        }
    }

    /** Takes out what a definition's receiver was to get of the service before this one. */
    synchronized List<Notice> take(Receiver receiver, String definition) {
        String hash = hash(receiver);
        List<Notice> taken = new ArrayList<>();
        left.removeIf(entry -> {
            boolean wanted =
                    entry.receiver.equals(hash) && entry.event.definition().equals(definition);
            if (wanted) {
                taken.add(new Notice(entry.kind, entry.event, ""));
            }
            return wanted;
        });
        if (!taken.isEmpty()) {
            write();
        }
        return taken;
    }

    private void write() {
        List<Entry> all = new ArrayList<>(left);
        all.addAll(entries);
        file.write(new Content(all.subList(Math.max(0, all.size() - KEPT_MAX), all.size())));
    }

    private static String hash(Receiver receiver) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256")
                    .digest((receiver.type() + "\n" + receiver.address()).getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest, 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every JVM has it
        }
    }
}
