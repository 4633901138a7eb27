package org.stateferry.service.definition;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.stateferry.home.StateferryHome;

/**
 * What has been proven to be in an image, so that nobody has to look again until dump or image has changed. It is kept in the
 * home; whoever deletes the file only makes the service look once more. Thread-safe.
 */
public final class RememberedImports {
    /** No more are kept; the oldest go first. Each is some hundred bytes in the file. */
    private static final int ENTRIES_MAX = 5000;

    private final int entriesMax;
    private final HomeFile<Entries> file;
    private final Map<String, Entry> byDump = new LinkedHashMap<>();

    record Entries(List<Entry> entries) {
        Entries {
            entries = List.copyOf(entries);
        }
    }

    /**
     * One import that is done.
     *
     * @param dump the dump's path
     * @param wanted what the definition asks for, as text
     * @param mark the dump as it was
     * @param images the images that have the snapshot, as they were
     * @param message what to tell about it
     */
    record Entry(String dump, String wanted, FileMark mark, List<MarkedImage> images, String message) {
        Entry {
            images = List.copyOf(images);
        }
    }

    record MarkedImage(String path, FileMark mark) {}

    /** @param home where it is kept */
    public RememberedImports(StateferryHome home) {
        this(home, ENTRIES_MAX);
    }

    /** @param entriesMax how many are kept */
    RememberedImports(StateferryHome home, int entriesMax) {
        this.entriesMax = entriesMax;
        this.file = new HomeFile<>(home.rememberedFile(), Entries.class);
        file.read()
                .ifPresent(read -> read.entries().forEach(entry -> byDump.put(key(entry.wanted, entry.dump), entry)));
    }

    private static String key(String wanted, String dump) {
        return dump + '\n' + wanted;
    }

    /**
     * Whether this dump's state is in its images already, as far as that can be told from the files' marks.
     *
     * @param wanted what is asked for; two texts that differ are two imports
     * @return what to tell about it
     */
    public Optional<String> find(Path dump, FileMark mark, String wanted) {
        Entry entry;
        synchronized (this) { // not while files are looked at: their disk may not answer
            entry = byDump.get(key(wanted, dump.toString()));
        }
        return entry != null
                        && entry.mark.equals(mark)
                        && entry.images.stream().allMatch(RememberedImports::isUnchanged)
                ? Optional.of(entry.message)
                : Optional.empty();
    }

    private static boolean isUnchanged(MarkedImage image) {
        try {
            return FileMark.of(Path.of(image.path)).equals(image.mark);
        } catch (IOException e) {
            return false;
        }
    }

    /**
     * Keeps that an import has just been proven to be done. Its images are looked at now, so the caller calls as soon as the
     * import has ended.
     *
     * @param mark the dump as it was before the import; nothing is kept if it is another now
     */
    public void add(Path dump, FileMark mark, String wanted, List<Path> images, String message) {
        Entry entry;
        try {
            if (!FileMark.of(dump).equals(mark)) {
                return;
            }
            List<MarkedImage> marked = new ArrayList<>();
            for (Path image : images) {
                marked.add(new MarkedImage(image.toString(), FileMark.of(image)));
            }
            entry = new Entry(dump.toString(), wanted, mark, marked, message);
        } catch (IOException e) {
            return; // gone again, so there is nothing to remember
        }
        add(entry);
    }

    /**
     * Says that a change of an image has left in it what was known to be there.
     *
     * @param before the image before the change; what was remembered of another one stays as it is
     * @param after the image now
     */
    public synchronized void imageHasChanged(FileMark before, FileMark after) {
        boolean changed = false;
        for (Map.Entry<String, Entry> kept : byDump.entrySet()) {
            Entry entry = kept.getValue();
            if (entry.images.stream().anyMatch(one -> one.mark.equals(before))) {
                List<MarkedImage> images = entry.images.stream()
                        .map(one -> one.mark.equals(before) ? new MarkedImage(one.path, after) : one)
                        .toList();
                kept.setValue(new Entry(entry.dump, entry.wanted, entry.mark, images, entry.message));
                changed = true;
            }
        }
        if (changed) {
            file.write(new Entries(List.copyOf(byDump.values())));
        }
    }

    private synchronized void add(Entry entry) {
        String key = key(entry.wanted, entry.dump);
        byDump.remove(key); // so that it is the newest
        byDump.put(key, entry);
        if (byDump.size() > entriesMax) {
            byDump.remove(byDump.keySet().iterator().next());
        }
        file.write(new Entries(List.copyOf(byDump.values())));
    }
}
