package org.stateferry.service;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.convert.DurationStyle;
import org.stateferry.bytes.ByteSize;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.qcow2.NewImage;
import org.stateferry.service.DefinitionFields.Field;
import org.stateferry.source.DumpChoice;
import org.stateferry.source.DumpFormat;
import org.stateferry.source.RamLayout;
import org.stateferry.storage.ImageRights;
import org.stateferry.storage.IoMode;

/**
 * Reads job definitions and refuses what is not exactly right, so that a misspelt option does not turn into a default.
 *
 * <pre>{@code
 * dump: /var/lib/dumps/guest.vmstate
 * image: /var/lib/images/guest.qcow2
 * create:                             # optional: the import makes the image, which must not exist
 *   size: 10G
 *   cluster-size: 64K                 # optional
 *   mode: 0640                        # optional: else the dump's
 *   owner: libvirt-qemu:kvm           # optional: else the service's user
 * also: [/var/lib/images/data.qcow2]  # optional: the guest's other writable disks
 * name: nightly-{yyyyMMdd-HHmmss}     # of the dump's modification time, UTC
 * schedule:
 *   cron: "0 30 2 * * *"              # second minute hour day month weekday
 *   zone: Europe/Berlin               # optional, UTC by default
 * # or  every: 10m                    # counted from the end of one import to the start of the next
 * options:                            # all optional, as on the command line
 *   format: auto
 *   io: auto
 *   compress: none
 *   strict: false
 *   allow-bitmaps: false
 *   no-lock: false
 *   verify: false
 *   limit-rate: 200M
 * }</pre>
 *
 * <p>Relative paths are taken from the working directory.
 */
final class JobDefinitionReader {
    private static final Pattern FILE_NAME = Pattern.compile("(.+)\\.ya?ml");
    private static final Duration SHORTEST_PERIOD = Duration.ofSeconds(1);
    private static final Duration LONGEST_PERIOD = Duration.ofDays(366);

    private JobDefinitionReader() {}

    /**
     * Reads all {@code *.yaml} and {@code *.yml} files of a directory, ordered by name. A directory that does not exist is a
     * mistake, and so are two files for one job.
     */
    static List<JobDefinition> readAll(Path directory) throws StateferryException {
        if (!Files.isDirectory(directory)) {
            throw StateferryException.in(
                            FailureKind.CONFIGURATION, directory.toAbsolutePath(), "not a directory of job definitions")
                    .advise("start in the directory that holds jobs/, or set the property stateferry.jobs");
        }
        List<JobDefinition> definitions = new ArrayList<>();
        Map<String, Path> jobs = new HashMap<>();
        for (Path file : definitionFiles(directory)) {
            JobDefinition definition = read(file);
            Path other = jobs.put(definition.job(), file);
            if (other != null) {
                throw StateferryException.in(
                                FailureKind.CONFIGURATION,
                                file,
                                "describes the job \"" + definition.job() + "\", as does " + other.getFileName())
                        .advise("Keep one of the two files.");
            }
            definitions.add(definition);
        }
        return List.copyOf(definitions);
    }

    private static List<Path> definitionFiles(Path directory) throws StateferryException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(file ->
                            FILE_NAME.matcher(file.getFileName().toString()).matches())
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw StateferryException.in(FailureKind.CONFIGURATION, directory, "cannot be listed")
                    .causedBy(e);
        }
    }

    /** Reads one file. */
    static JobDefinition read(Path file) throws StateferryException {
        DefinitionFields fields = DefinitionFields.read(file);
        Path dump = value(fields, fields.require("dump"), "dump", Path::of);
        Path image = value(fields, fields.require("image"), "image", Path::of);
        NewImage newImage = newImage(fields);
        List<Path> also = also(fields);
        NamePattern name = value(fields, fields.require("name"), "name", NamePattern::parse);
        Schedule schedule = schedule(fields);
        ImportOptions options = options(fields);
        fields.requireAllTaken();
        String job = FILE_NAME.matcher(file.getFileName().toString()).replaceFirst("$1");
        return new JobDefinition(job, dump, image, newImage, also, name, schedule.text, schedule.times, options);
    }

    private static @Nullable NewImage newImage(DefinitionFields fields) throws StateferryException {
        Field size = fields.take("create.size");
        if (size == null) {
            return null; // a cluster size alone is then a field that nobody takes
        }
        long clusterSize =
                optional(fields, "create.cluster-size", (long) NewImage.DEFAULT_CLUSTER_SIZE, ByteSize::parse);
        ImageRights rights = new ImageRights(
                optional(fields, "create.mode", null, ImageRights::parseMode),
                optional(fields, "create.owner", null, ImageRights::parseOwner));
        return value(fields, size, "create", text -> NewImage.of(ByteSize.parse(text), clusterSize, rights));
    }

    private static List<Path> also(DefinitionFields fields) throws StateferryException {
        List<Path> disks = new ArrayList<>();
        for (Field disk : fields.takeList("also")) {
            disks.add(value(fields, disk, "also", Path::of));
        }
        return List.copyOf(disks);
    }

    private static Schedule schedule(DefinitionFields fields) throws StateferryException {
        Field cron = fields.take("schedule.cron");
        Field every = fields.take("schedule.every");
        if ((cron == null) == (every == null)) {
            throw fields.problem("exactly one of 'schedule.cron' and 'schedule.every' is expected");
        }
        if (cron != null) {
            ZoneId zone = optional(fields, "schedule.zone", ZoneId.of("UTC"), ZoneId::of);
            FiringTimes times = value(fields, cron, "schedule.cron", text -> CronTimes.parse(text, zone));
            return new Schedule(cron.text() + " (" + zone + ")", times);
        }
        Field period = Objects.requireNonNull(every);
        return new Schedule(
                "every " + period.text(),
                value(fields, period, "schedule.every", text -> new PeriodTimes(period(text))));
    }

    private static Duration period(String text) {
        Duration period = DurationStyle.SIMPLE.parse(text);
        if (period.compareTo(SHORTEST_PERIOD) < 0) {
            throw new IllegalArgumentException("'" + text + "' is shorter than a second");
        }
        if (period.compareTo(LONGEST_PERIOD) > 0) {
            throw new IllegalArgumentException("'" + text + "' is longer than " + LONGEST_PERIOD.toDays() + " days");
        }
        return period;
    }

    private static ImportOptions options(DefinitionFields fields) throws StateferryException {
        return new ImportOptions(
                choice(fields),
                optional(fields, "options.io", IoMode.AUTO, text -> constant(IoMode.values(), text)),
                optional(fields, "options.compress", Compression.NONE, text -> constant(Compression.values(), text)),
                flag(fields, "options.strict"),
                flag(fields, "options.allow-bitmaps"),
                !flag(fields, "options.no-lock"),
                flag(fields, "options.verify"),
                optional(fields, "options.limit-rate", 0L, ByteSize::parseRate));
    }

    private static DumpChoice choice(DefinitionFields fields) throws StateferryException {
        List<String> dropSections = new ArrayList<>();
        for (Field section : fields.takeList("options.drop-sections")) {
            dropSections.add(section.text());
        }
        return new DumpChoice(
                optional(fields, "options.format", DumpFormat.AUTO, text -> constant(DumpFormat.values(), text)),
                optional(fields, "options.offset", 0L, ByteSize::parse),
                optional(fields, "options.ram-layout", RamLayout.PLAIN, text -> constant(RamLayout.values(), text)),
                dropSections);
    }

    private static boolean flag(DefinitionFields fields, String key) throws StateferryException {
        return optional(fields, key, false, text -> switch (text) {
            case "true" -> true;
            case "false" -> false;
            default -> throw new IllegalArgumentException("'" + text + "' is neither true nor false");
        });
    }

    private static <E extends Enum<E>> E constant(E[] constants, String text) {
        for (E constant : constants) {
            if (constant.name().equalsIgnoreCase(text)) {
                return constant;
            }
        }
        throw new IllegalArgumentException(
                "'" + text + "' is none of " + List.of(constants).toString().toLowerCase(Locale.ROOT));
    }

    private static <T extends @Nullable Object> T optional(
            DefinitionFields fields, String key, T absent, Function<String, T> reading) throws StateferryException {
        Field field = fields.take(key);
        return field == null ? absent : value(fields, field, key, reading);
    }

    private static <T extends @Nullable Object> T value(
            DefinitionFields fields, Field field, String key, Function<String, T> reading) throws StateferryException {
        try {
            return reading.apply(field.text());
        } catch (IllegalArgumentException | DateTimeException | ArithmeticException e) {
            throw fields.problem(field.line(), "'" + key + "': " + e.getMessage())
                    .causedBy(e);
        }
    }

    private record Schedule(String text, FiringTimes times) {}
}
