package org.stateferry.installation;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.importer.ImportRequest;
import org.stateferry.qcow2.NewImage;
import org.stateferry.source.DumpChoice;
import org.stateferry.source.DumpFormat;
import org.stateferry.source.RamLayout;
import org.stateferry.storage.ImageRights;
import org.stateferry.storage.IoMode;

/**
 * An import as a service is asked for it, in JSON; the names are those of a definition's fields. What is left out is as on the
 * command line.
 *
 * @param dump the dump's absolute path
 * @param image the image's absolute path
 * @param name the snapshot's name
 * @param into whether the snapshot of that name is there and is to be given its state, as by the option of that name
 * @param also the absolute paths of the other disks
 * @param create what the image is to be like if it is to be made
 * @param options how to go about it
 */
public record ImportOrder(
        @Nullable String dump,
        @Nullable String image,
        @Nullable String name,
        @Nullable Boolean into,
        @Nullable List<String> also,
        @Nullable Create create,
        @Nullable Options options) {
    /**
     * The image to be made.
     *
     * @param size its virtual size in bytes
     * @param clusterSize bytes of a cluster
     * @param mode its permissions, in octal digits
     * @param owner whom it is to belong to: a user, or a user and a group with a colon between them
     */
    public record Create(
            @Nullable Long size,
            @Nullable Integer clusterSize,
            @Nullable String mode,
            @Nullable String owner) {}

    /**
     * As the options of the command of the same name.
     *
     * @param offset where in the dump's file the saved state begins, in bytes
     * @param fromSnapshot the snapshot whose state is the dump, if that is its image
     * @param limitRate bytes per second
     */
    public record Options(
            @Nullable String format,
            @Nullable Long offset,
            @Nullable String ramLayout,
            @Nullable List<String> dropSections,
            @Nullable String fromSnapshot,
            @Nullable String io,
            @Nullable String compress,
            @Nullable Boolean strict,
            @Nullable Boolean allowBitmaps,
            @Nullable Boolean noLock,
            @Nullable Boolean verify,
            @Nullable Long limitRate) {
        private static final Options NONE =
                new Options(null, null, null, null, null, null, null, null, null, null, null, null);
    }

    /** The order for a request of this process; relative paths are taken from its working folder. */
    public static ImportOrder of(ImportRequest request) {
        return of(request, Path::toAbsolutePath);
    }

    /**
     * The order for a request of this process.
     *
     * @param named the absolute path by which whoever carries it out finds a file
     */
    static ImportOrder of(ImportRequest request, UnaryOperator<Path> named) {
        ImportOptions how = request.options();
        NewImage made = request.newImage();
        return new ImportOrder(
                named.apply(request.dump()).toString(),
                named.apply(request.image()).toString(),
                request.name(),
                request.into(),
                request.otherDisks().stream().map(named).map(Path::toString).toList(),
                made == null ? null : create(made),
                new Options(
                        lower(how.choice().format()),
                        how.choice().offset(),
                        lower(how.choice().ramLayout()),
                        how.choice().dropSections(),
                        how.choice().fromSnapshot(),
                        lower(how.io()),
                        lower(how.compression()),
                        how.strict(),
                        how.allowBitmaps(),
                        !how.lock(),
                        how.verify(),
                        how.limitBytesPerSecond()));
    }

    private static Create create(NewImage made) {
        Integer mode = made.rights().mode();
        return new Create(
                made.size(),
                made.clusterSize(),
                mode == null ? null : Integer.toOctalString(mode),
                made.rights().owner());
    }

    private static String lower(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    /**
     * The request.
     *
     * @throws StateferryException of kind {@link FailureKind#USAGE} that names the field that is missing or wrong
     */
    public ImportRequest toRequest() throws StateferryException {
        List<Path> disks = new ArrayList<>();
        for (String disk : also == null ? List.<String>of() : also) {
            disks.add(path("also", disk));
        }
        if (disks.size() > ImportRequest.OTHER_DISKS_MAX) {
            throw wrong("also", "has more than " + ImportRequest.OTHER_DISKS_MAX + " disks");
        }
        if (name == null || name.isBlank()) {
            throw wrong("name", "is missing");
        }
        if (is(into) && create != null) {
            throw wrong("into", "cannot go together with 'create'");
        }
        return new ImportRequest(
                path("dump", dump), path("image", image), name, is(into), disks, newImage(), importOptions());
    }

    /** An absolute path; fails with the field's name if it is missing or none. */
    static Path path(String field, @Nullable String text) throws StateferryException {
        if (text == null || text.isBlank()) {
            throw wrong(field, "is missing");
        }
        try {
            Path path = Path.of(text);
            if (!path.isAbsolute()) {
                throw wrong(field, "is no absolute path");
            }
            return path;
        } catch (InvalidPathException e) {
            throw wrong(field, "is no path: " + e.getReason());
        }
    }

    private @Nullable NewImage newImage() throws StateferryException {
        if (create == null) {
            return null;
        }
        if (create.size == null) {
            throw wrong("create.size", "is missing");
        }
        try {
            return NewImage.of(
                    create.size,
                    create.clusterSize == null ? NewImage.DEFAULT_CLUSTER_SIZE : create.clusterSize,
                    new ImageRights(
                            create.mode == null ? null : ImageRights.parseMode(create.mode),
                            create.owner == null ? null : ImageRights.parseOwner(create.owner)));
        } catch (IllegalArgumentException e) {
            throw wrong("create", "is not possible: " + e.getMessage());
        }
    }

    private ImportOptions importOptions() throws StateferryException {
        Options how = options == null ? Options.NONE : options;
        if (how.limitRate != null && how.limitRate < 0) {
            throw wrong("options.limitRate", "is negative");
        }
        if (how.offset != null && how.offset < 0) {
            throw wrong("options.offset", "is negative");
        }
        if (how.dropSections != null && how.dropSections.contains(null)) {
            throw wrong("options.dropSections", "has something in it that is no text");
        }
        return new ImportOptions(
                new DumpChoice(
                        constant(DumpFormat.class, "options.format", how.format, DumpFormat.AUTO),
                        how.offset == null ? 0 : how.offset,
                        constant(RamLayout.class, "options.ramLayout", how.ramLayout, RamLayout.PLAIN),
                        how.dropSections == null ? List.of() : how.dropSections,
                        how.fromSnapshot),
                constant(IoMode.class, "options.io", how.io, IoMode.AUTO),
                constant(Compression.class, "options.compress", how.compress, Compression.NONE),
                is(how.strict),
                is(how.allowBitmaps),
                !is(how.noLock),
                is(how.verify),
                how.limitRate == null ? 0 : how.limitRate);
    }

    private static boolean is(@Nullable Boolean flag) {
        return flag != null && flag;
    }

    /** The constant that a field names in any case. */
    static <E extends Enum<E>> E constant(Class<E> type, String field, @Nullable String text, E otherwise)
            throws StateferryException {
        if (text == null) {
            return otherwise;
        }
        try {
            return Enum.valueOf(type, text.toUpperCase(Locale.ROOT));
        } catch (IllegalArgumentException e) {
            throw wrong(field, "cannot be '" + text + "'");
        }
    }

    /** The failure of an order in which a field is wrong. */
    static StateferryException wrong(String field, String problem) {
        return StateferryException.of(FailureKind.USAGE, "the field '" + field + "' " + problem)
                .advise("Correct it and send the request again.");
    }
}
