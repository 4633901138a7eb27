package org.stateferry.service.definition;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.host.PrivateFile;
import org.stateferry.importer.MadeSnapshot;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.storage.OpenImages.Locking;
import tools.jackson.databind.json.JsonMapper;

/**
 * Remembers which dumps are proven to be in an image, so that none is read again until it changes. As long as an image
 * is the file that it was, nothing of it is read either. When it has changed, its snapshot table is read once for all
 * dumps whose states went there; a snapshot that is still there as it was made need not be compared with its dump.
 *
 * <p>It is kept in the home, in a file that grows by a line for each import and is written anew when most of its lines are out of
 * date. Whoever deletes it only makes the service look once more. Some {@value #ENTRIES_MAX} times half a kibibyte of memory is what
 * it takes at most, if each dump has an image of its own; half as much, if they share a few. Thread-safe.
 */
public final class RememberedImports {
    /** No more are kept; the oldest go first. */
    private static final int ENTRIES_MAX = 120_000;
    /** In a file with fewer lines it does not matter how many are out of date. */
    private static final int LINES_MIN = 1000;

    /** In bytes. */
    private static final int PIECE_SIZE = 256 << 10;

    private static final Logger LOG = LoggerFactory.getLogger(RememberedImports.class);
    private static final JsonMapper JSON = JsonMapper.shared();

    private final Path file;
    private final int entriesMax;
    private final Tables tables;
    /** By dump, its mark and what is wanted of it. */
    private final Map<Digest, Done> done = new LinkedHashMap<>();

    private final Map<String, Image> images = new HashMap<>();
    private int lines;

    /** Reads what is in an image. */
    @FunctionalInterface
    interface Tables {
        List<MadeSnapshot> read(Path image, Locking locking) throws StateferryException;
    }

    /** What stands for a longer text; that two texts have the same does not happen. */
    private record Digest(long high, long low) {
        private static Digest of(Object... texts) {
            try {
                MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
                for (Object text : texts) {
                    sha256.update(text.toString().getBytes(StandardCharsets.UTF_8));
                    sha256.update((byte) 0);
                }
                ByteBuffer digest = ByteBuffer.wrap(sha256.digest());
                return new Digest(digest.getLong(), digest.getLong());
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException(e); // every JVM has it
            }
        }

        private static Digest parse(String text) {
            return new Digest(
                    Long.parseUnsignedLong(text.substring(0, text.length() / 2), 16),
                    Long.parseUnsignedLong(text.substring(text.length() / 2), 16));
        }

        private static @Nullable Digest parseIfThere(@Nullable String text) {
            return text == null ? null : parse(text);
        }

        @Override
        public String toString() {
            return String.format("%016x%016x", high, low);
        }
    }

    /** An image in which snapshots are. */
    private static final class Image {
        private final String path;
        /** In most images there is one, for which a set that can grow would take more memory than all the rest. */
        private Set<Digest> holds = Set.of();
        /** Of the file in which all of them were; null if that is not known. */
        private @Nullable Digest mark;
        /** What has this mark, if the image is asked for often: so it need not be worked out each time. */
        private @Nullable FileMark seen;

        private Image(String path) {
            this.path = path;
        }

        private void setMark(@Nullable Digest fresh) {
            mark = fresh;
            seen = null;
        }

        private void add(Digest key) {
            if (holds.isEmpty()) {
                holds = Set.of(key);
                return;
            }
            if (holds.size() == 1) {
                holds = new HashSet<>(holds);
            }
            holds.add(key);
        }

        private void remove(Digest key) {
            if (holds.size() > 1) {
                holds.remove(key);
            } else if (holds.contains(key)) {
                holds = Set.of();
            }
        }
    }

    private record Part(Image image, Digest snapshot) {}

    private record Done(String id, List<Part> parts) {}

    /**
     * A line of the file: an import that is done, or an image that was looked at.
     *
     * @param done the import's digest, or null
     * @param id the id of its snapshot
     * @param parts its snapshots
     * @param image the image's path, or null
     * @param mark of the image when all that is known to be there was
     * @param gone what was not there any more
     */
    record Line(
            @Nullable String done,
            @Nullable String id,
            @Nullable List<LinePart> parts,
            @Nullable String image,
            @Nullable String mark,
            @Nullable List<String> gone) {}

    record LinePart(String image, String snapshot, @Nullable String mark) {}

    /** @param home where it is kept */
    public RememberedImports(StateferryHome home) {
        this(home, ENTRIES_MAX, RememberedImports::read);
    }

    /**
     * @param entriesMax how many are kept
     * @param tables tells what is in an image
     */
    RememberedImports(StateferryHome home, int entriesMax, Tables tables) {
        this.file = home.rememberedFile();
        this.entriesMax = entriesMax;
        this.tables = tables;
        load();
    }

    private static List<MadeSnapshot> read(Path image, Locking locking) throws StateferryException {
        try (OpenImage open = OpenImages.openForReading(image, locking)) {
            return Qcow2Image.open(open.file()).snapshotTable().entries().stream()
                    .map(entry -> MadeSnapshot.of(image, entry))
                    .toList();
        }
    }

    private void load() {
        boolean damaged = false;
        try (BufferedReader reader = Files.newBufferedReader(file)) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                lines++;
                damaged |= !load(line);
            }
        } catch (NoSuchFileException e) {
            return;
        } catch (IOException e) {
            LOG.warn("{} cannot be read to its end", file, e);
            damaged = true;
        }
        if (damaged) {
            LOG.warn("Not all lines of {} can be read; what they said is looked at again", file);
            writeAll();
        }
    }

    private boolean load(String text) {
        try {
            Line line = JSON.readValue(text, Line.class);
            if (line.done != null) {
                put(line);
            } else {
                looked(Objects.requireNonNull(line.image), line.mark, Objects.requireNonNull(line.gone));
            }
            return true;
        } catch (RuntimeException e) { // whatever is wrong with it
            return false;
        }
    }

    /**
     * Whether this dump's state is in its images already. Nothing is read while the files are those that they were.
     *
     * @param wanted what is asked for; two texts that differ are two imports
     * @param locking how images are locked while it is looked what is in them
     * @return what to tell about it
     */
    public Optional<String> find(Path dump, FileMark mark, String wanted, Locking locking) {
        Digest key = Digest.of(dump, wanted, mark);
        Done found;
        synchronized (this) { // not while files are looked at: their disk may not answer
            found = done.get(key);
        }
        if (found == null) {
            return Optional.empty();
        }
        for (Part part : found.parts) {
            if (!isThere(key, part.image, locking)) {
                return Optional.empty();
            }
        }
        return Optional.of("snapshot " + found.id + " of " + found.parts.get(0).image.path);
    }

    private boolean isThere(Digest key, Image image, Locking locking) {
        Path path = Path.of(image.path);
        List<Digest> asked;
        Digest mark;
        try {
            FileMark now = FileMark.of(path);
            synchronized (this) {
                if (now.equals(image.seen)) {
                    return done.containsKey(key);
                }
            }
            mark = Digest.of(now);
            synchronized (this) {
                if (mark.equals(image.mark)) {
                    image.seen = image.holds.size() > 1 ? now : null;
                    return done.containsKey(key);
                }
                asked = List.copyOf(image.holds);
            }
            Set<Digest> there = tables.read(path, locking).stream()
                    .map(snapshot -> Digest.of(snapshot))
                    .collect(Collectors.toSet());
            synchronized (this) {
                List<String> gone = asked.stream()
                        .filter(one -> !isAmong(there, one, image))
                        .map(Digest::toString)
                        .toList();
                looked(image.path, mark.toString(), gone);
                append(new Line(null, null, null, image.path, mark.toString(), gone));
                return done.containsKey(key);
            }
        } catch (IOException e) {
            return false; // it is not there, or whoever imports finds out
        }
    }

    private boolean isAmong(Set<Digest> there, Digest key, Image image) {
        Done known = done.get(key);
        return known == null
                || known.parts.stream()
                        .filter(part -> part.image == image)
                        .allMatch(part -> there.contains(part.snapshot));
    }

    /**
     * Keeps that an import has just been proven to be done. Its images are looked at now, so the caller calls as soon as the
     * import has ended.
     *
     * @param mark the dump as it was before the import; nothing is kept if it is another now
     * @param id the snapshot's id
     * @param snapshots what the import has made, or found
     */
    public void add(Path dump, FileMark mark, String wanted, String id, List<MadeSnapshot> snapshots) {
        List<LinePart> parts = new ArrayList<>();
        try {
            if (snapshots.isEmpty() || !FileMark.of(dump).equals(mark)) {
                return;
            }
            for (MadeSnapshot snapshot : snapshots) {
                Digest image = Digest.of(FileMark.of(Path.of(snapshot.image())));
                parts.add(new LinePart(snapshot.image(), Digest.of(snapshot).toString(), image.toString()));
            }
        } catch (IOException e) {
            return; // gone again, so there is nothing to remember
        }
        Line line = new Line(Digest.of(dump, wanted, mark).toString(), id, parts, null, null, null);
        synchronized (this) {
            put(line);
            append(line);
        }
    }

    private void put(Line line) {
        Digest key = Digest.parse(Objects.requireNonNull(line.done));
        String id = Objects.requireNonNull(line.id).intern(); // there are few that differ
        forget(key); // so that it is the newest
        List<Part> parts = new ArrayList<>();
        for (LinePart part : Objects.requireNonNull(line.parts)) {
            Image image = images.computeIfAbsent(part.image, Image::new);
            if (image.holds.isEmpty()) {
                image.setMark(Digest.parseIfThere(part.mark));
            }
            // Else whoever asks next looks whether the others are there, too.
            image.add(key);
            parts.add(new Part(image, Digest.parse(part.snapshot)));
        }
        done.put(key, new Done(id, List.copyOf(parts)));
        if (done.size() > entriesMax) {
            forget(done.keySet().iterator().next());
        }
    }

    private void looked(String path, @Nullable String mark, List<String> gone) {
        gone.forEach(key -> forget(Digest.parse(key)));
        Image image = images.get(path);
        if (image != null) {
            image.setMark(Digest.parseIfThere(mark));
        }
    }

    private void forget(Digest key) {
        Done old = done.remove(key);
        if (old == null) {
            return;
        }
        for (Part part : old.parts) {
            part.image.remove(key);
            if (part.image.holds.isEmpty()) {
                images.remove(part.image.path);
            }
        }
    }

    private void append(Line line) {
        lines++;
        if (lines > LINES_MIN && lines > 2 * done.size()) {
            writeAll();
            return;
        }
        try {
            PrivateFile.append(file, bytes(line));
        } catch (IOException e) {
            LOG.warn("{} cannot be written", file, e);
        }
    }

    private void writeAll() {
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        try {
            Files.deleteIfExists(fresh);
            ByteArrayOutputStream piece = new ByteArrayOutputStream();
            for (Map.Entry<Digest, Done> entry : done.entrySet()) {
                piece.writeBytes(bytes(line(entry.getKey(), entry.getValue())));
                if (piece.size() >= PIECE_SIZE) {
                    PrivateFile.append(fresh, piece.toByteArray());
                    piece.reset();
                }
            }
            PrivateFile.append(fresh, piece.toByteArray());
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            LOG.warn("{} cannot be written", file, e);
        }
        lines = done.size(); // also if it has failed: it is not tried again for each import
    }

    private static Line line(Digest key, Done one) {
        List<LinePart> parts = new ArrayList<>();
        for (Part part : one.parts) {
            Digest mark = part.image.mark;
            parts.add(new LinePart(part.image.path, part.snapshot.toString(), mark == null ? null : mark.toString()));
        }
        return new Line(key.toString(), one.id, parts, null, null, null);
    }

    private static byte[] bytes(Line line) {
        return (JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8);
    }
}
