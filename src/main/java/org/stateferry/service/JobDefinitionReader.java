package org.stateferry.service;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.LocalTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.convert.DurationStyle;
import org.stateferry.bytes.ByteSize;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.FileRoots;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.qcow2.NewImage;
import org.stateferry.service.definition.DefinitionFields;
import org.stateferry.service.definition.DefinitionFields.Field;
import org.stateferry.service.definition.DefinitionMistake;
import org.stateferry.service.definition.ImportWindow;
import org.stateferry.service.definition.OnSuccess;
import org.stateferry.service.definition.RetryRule;
import org.stateferry.service.definition.SourceRule;
import org.stateferry.service.notification.EventKind;
import org.stateferry.service.notification.NotifyRule;
import org.stateferry.service.retention.KeepRule;
import org.stateferry.source.DumpChoice;
import org.stateferry.source.DumpFormat;
import org.stateferry.source.RamLayout;
import org.stateferry.storage.ImageRights;
import org.stateferry.storage.IoMode;

/**
 * Reads job definitions and refuses what is not exactly right, so that a misspelt option does not turn into a default.
 *
 * <pre>{@code
 * source:
 *   folder: /var/lib/libvirt/qemu/save
 *   include: ["*.save"]               # optional: else all files
 *   settled-for: 30s                  # optional: 10s by default
 * # or  source: {file: ...}, or without any waiting  dump: /var/lib/dumps/guest.vmstate
 * image: /var/lib/images/{domain}.qcow2
 * create:                             # optional: the import makes the image, which must not exist
 *   size: 10G
 *   cluster-size: 64K                 # optional
 *   mode: 0640                        # optional: else the dump's
 *   owner: libvirt-qemu:kvm           # optional: else the service's user
 * also: [/var/lib/images/data.qcow2]  # optional: the guest's other writable disks
 * name: nightly-{yyyyMMdd-HHmmss}     # of the dump's modification time, UTC
 * schedule:                           # optional: else only on demand
 *   cron: "0 30 2 * * *"              # second minute hour day month weekday
 *   zone: Europe/Berlin               # optional, UTC by default
 *   catch-up: true                    # optional: a firing that was missed is made up for at the start
 * # or  every: 10m                    # counted from the end of one firing to the start of the next
 *   jitter: 5m                        # optional
 * window: {from: "22:00", to: "06:00", zone: Europe/Berlin}
 * enabled: true
 * on-success: {action: move, folder: /var/lib/dumps/done}
 * retry: {attempts: 5, delay: 30s, factor: 2, longest-delay: 10m}
 * keep: {last: 3, hourly: 24, daily: 7, weekly: 4, monthly: 12, yearly: 3, zone: Europe/Berlin}
 * verify: {cron: "0 0 4 * * SUN", zone: Europe/Berlin}  # with the same fields as schedule
 * max-concurrent: 2
 * priority: 10
 * notify:                             # optional: else what the settings say
 *   on: [failure, recovered, missed, damaged]
 *   webhook: ${ops.webhook}           # a setting, so that no secret is in the definition
 *   mail: [ops@example.org]
 *   ping: https://hc-ping.com/${hc.key}/{definition}
 *   enabled: true
 * options:                            # all optional, as on the command line
 *   format: auto
 *   offset: 0
 *   ram-layout: plain
 *   drop-sections: [slirp]
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
    private static final Duration LONGEST_JITTER = Duration.ofHours(24);
    private static final Duration SETTLED_FOR = Duration.ofSeconds(10);
    private static final int CONCURRENT_MAX = 64;
    private static final int PRIORITY_MAX = 1000;
    private static final int ATTEMPTS_MAX = 100;
    private static final double FACTOR_MAX = 100;
    private static final int KEEP_MAX = 10_000;
    private static final int NOT_GIVEN = -1;

    private JobDefinitionReader() {}

    /**
     * Reads all {@code *.yaml} and {@code *.yml} files of a directory, ordered by name. A directory that does not exist is a
     * mistake, and so are two files for one job.
     *
     * @throws StateferryException of kind {@link FailureKind#CONFIGURATION}, which tells all mistakes of all files
     */
    static List<JobDefinition> readAll(Path directory) throws StateferryException {
        List<DefinitionMistake> mistakes = new ArrayList<>();
        List<JobDefinition> definitions = new ArrayList<>();
        for (Path file : files(directory, mistakes)) {
            read(file, UnaryOperator.identity(), FileRoots.ANYWHERE, mistakes).ifPresent(definitions::add);
        }
        if (!mistakes.isEmpty()) {
            throw DefinitionMistake.failure(mistakes);
        }
        return List.copyOf(definitions);
    }

    /**
     * The files of a directory that describe jobs, ordered by name; of two for one job only the first.
     *
     * @param mistakes gets those that the others are
     * @throws StateferryException if the directory is none, or cannot be listed
     */
    static List<Path> files(Path directory, List<DefinitionMistake> mistakes) throws StateferryException {
        if (!Files.isDirectory(directory)) {
            throw StateferryException.in(
                            FailureKind.CONFIGURATION, directory.toAbsolutePath(), "not a directory of job definitions")
                    .advise("start in the directory that holds jobs/, or set the property stateferry.jobs");
        }
        Map<String, Path> jobs = new LinkedHashMap<>();
        for (Path file : definitionFiles(directory)) {
            Path other = jobs.putIfAbsent(job(file), file);
            if (other != null) {
                mistakes.add(new DefinitionMistake(
                        file,
                        "describes the job \"" + job(file) + "\", as does " + other.getFileName(),
                        "Keep one of the two files."));
            }
        }
        return List.copyOf(jobs.values());
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

    /** The job that a file describes. */
    static String job(Path file) {
        return FILE_NAME.matcher(file.getFileName().toString()).replaceFirst("$1");
    }

    /**
     * Reads one file.
     *
     * @throws StateferryException of kind {@link FailureKind#CONFIGURATION}, which tells all mistakes
     */
    static JobDefinition read(Path file) throws StateferryException {
        List<DefinitionMistake> mistakes = new ArrayList<>();
        Optional<JobDefinition> definition = read(file, UnaryOperator.identity(), FileRoots.ANYWHERE, mistakes);
        if (definition.isEmpty()) {
            throw DefinitionMistake.failure(mistakes);
        }
        return definition.get();
    }

    /**
     * Reads one file.
     *
     * @param settings puts settings in the place of what stands for them in a text, or says that there is none
     * @param roots where all files must lie that it names
     * @param mistakes gets all that is wrong with it
     * @return empty if anything is
     */
    static Optional<JobDefinition> read(
            Path file, UnaryOperator<String> settings, FileRoots roots, List<DefinitionMistake> mistakes) {
        DefinitionFields fields;
        try {
            fields = DefinitionFields.read(file);
        } catch (StateferryException e) {
            mistakes.add(new DefinitionMistake(file, e.problem(), e.advice()));
            return Optional.empty();
        }
        SourceRule source = source(fields, roots);
        NamePattern image = value(fields, fields.require("image"), "image", text -> paths(text, roots));
        NewImage newImage = newImage(fields);
        List<NamePattern> also = also(fields, roots);
        NamePattern name = value(fields, fields.require("name"), "name", NamePattern::parse);
        JobDefinition.Schedule schedule = schedule(fields);
        ImportWindow window = window(fields);
        ImportOptions options = options(fields);
        OnSuccess onSuccess = onSuccess(fields, roots, options);
        RetryRule retry = retry(fields);
        KeepRule keep = keep(fields, schedule.zone(), newImage);
        JobDefinition.Schedule verify = verify(fields);
        int concurrentMax = optional(fields, "max-concurrent", 1, text -> (int) number(text, 1, CONCURRENT_MAX));
        int priority = optional(fields, "priority", 0, text -> (int) number(text, -PRIORITY_MAX, PRIORITY_MAX));
        NotifyRule notifyRule = notifyRule(fields, job(file), settings);
        boolean enabled = optional(fields, "enabled", true, JobDefinitionReader::truth);
        fields.requireAllTaken();
        if (!fields.mistakes().isEmpty() || source == null || image == null || name == null) {
            mistakes.addAll(fields.mistakes());
            return Optional.empty();
        }
        return Optional.of(new JobDefinition(
                job(file),
                enabled,
                source,
                image,
                newImage,
                also,
                name,
                schedule,
                window,
                onSuccess,
                retry,
                keep,
                verify,
                concurrentMax,
                priority,
                options,
                notifyRule,
                roots));
    }

    /** What the definition says of it stands in the place of all that the settings say. */
    private static @Nullable NotifyRule notifyRule(
            DefinitionFields fields, String job, UnaryOperator<String> settings) {
        List<EventKind> on = values(fields, "notify.on", NotifyRule::parseEvent);
        List<URI> webhooks =
                values(fields, "notify.webhook", text -> NotifyRule.parseAddress(settings.apply(text), job));
        List<String> mail = values(fields, "notify.mail", text -> NotifyRule.parseMailbox(settings.apply(text)));
        List<URI> pings = values(fields, "notify.ping", text -> NotifyRule.parseAddress(settings.apply(text), job));
        if (!optional(fields, "notify.enabled", true, JobDefinitionReader::truth)) {
            return NotifyRule.NONE;
        }
        if (webhooks.isEmpty() && mail.isEmpty() && pings.isEmpty()) {
            if (!on.isEmpty()) {
                fields.mistake("'notify.on' needs one of 'notify.webhook', 'notify.mail' and 'notify.ping'");
            }
            return null;
        }
        return new NotifyRule(Set.copyOf(on), webhooks, mail, pings);
    }

    private static <T> List<T> values(DefinitionFields fields, String key, Function<String, T> reading) {
        List<T> values = new ArrayList<>();
        List<Field> given = fields.takeList(key);
        for (Field field : given) {
            @Nullable T value = value(fields, field, key, reading);
            if (value != null) {
                values.add(value);
            }
        }
        if (given.size() > NotifyRule.RECEIVERS_MAX) {
            fields.mistake(
                    given.get(NotifyRule.RECEIVERS_MAX).line(),
                    "'" + key + "' has more than " + NotifyRule.RECEIVERS_MAX + " values");
            return List.of();
        }
        return values;
    }

    private static @Nullable SourceRule source(DefinitionFields fields, FileRoots roots) {
        Field dump = fields.take("dump");
        Field file = fields.take("source.file");
        Field folder = fields.take("source.folder");
        Duration settledFor = optional(fields, "source.settled-for", SETTLED_FOR, JobDefinitionReader::delay);
        List<String> include = new ArrayList<>();
        for (Field pattern : fields.takeList("source.include")) {
            String text = value(fields, pattern, "source.include", SourceRule::requirePattern);
            if (text != null) {
                include.add(text);
            }
        }
        long given = Stream.of(dump, file, folder).filter(Objects::nonNull).count();
        if (given == 0 && fields.isSpoiled("dump")) {
            return null;
        }
        if (given != 1) {
            fields.mistake(
                    given == 0
                            ? "'dump' is missing, or one of 'source.file' and 'source.folder'"
                            : "only one of 'dump', 'source.file' and 'source.folder' is expected");
            return null;
        }
        if (folder == null && !include.isEmpty()) {
            fields.mistake("'source.include' is for a 'source.folder'");
        }
        if (dump != null) {
            Path path = value(fields, notBlank(fields, dump, "dump"), "dump", text -> path(text, roots));
            return path == null ? null : SourceRule.file(path);
        }
        if (file != null) {
            Path path = value(fields, notBlank(fields, file, "source.file"), "source.file", text -> path(text, roots));
            return path == null ? null : new SourceRule(path, false, List.of(), settledFor);
        }
        Path path =
                value(fields, notBlank(fields, folder, "source.folder"), "source.folder", text -> path(text, roots));
        return path == null ? null : new SourceRule(path, true, include.isEmpty() ? List.of("*") : include, settledFor);
    }

    private static Path path(String text, FileRoots roots) {
        Path path = Path.of(text);
        requireWithin(roots, path, text);
        return path;
    }

    /** As far as the path is the same for all dumps; the rest is looked at when there is one. */
    private static NamePattern paths(String text, FileRoots roots) {
        NamePattern pattern = NamePattern.parsePath(text);
        if (pattern.isFixed()) {
            requireWithin(roots, Path.of(text), text);
        } else {
            pattern.folder().ifPresent(folder -> requireWithin(roots, folder, text));
        }
        return pattern;
    }

    private static void requireWithin(FileRoots roots, Path path, String text) {
        if (!roots.mayHold(path)) {
            throw new IllegalArgumentException(
                    "'" + text + "' lies under none of the folders that the setting stateferry.roots lists");
        }
    }

    private static @Nullable Field notBlank(DefinitionFields fields, @Nullable Field field, String key) {
        if (field != null && field.text().isBlank()) {
            fields.mistake(field.line(), "'" + key + "' is empty");
            return null;
        }
        return field;
    }

    private static @Nullable NewImage newImage(DefinitionFields fields) {
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

    private static List<NamePattern> also(DefinitionFields fields, FileRoots roots) {
        List<NamePattern> disks = new ArrayList<>();
        for (Field disk : fields.takeList("also")) {
            NamePattern pattern = value(fields, disk, "also", text -> paths(text, roots));
            if (pattern != null) {
                disks.add(pattern);
            }
        }
        return List.copyOf(disks);
    }

    private static JobDefinition.Schedule schedule(DefinitionFields fields) {
        Field cron = fields.take("schedule.cron");
        Field every = fields.take("schedule.every");
        if (cron == null && every == null) {
            return JobDefinition.Schedule.ON_DEMAND; // anything else about a schedule is then a field that nobody takes
        }
        return schedule(
                fields,
                "schedule",
                cron,
                every,
                fields.take("schedule.jitter"),
                cron == null ? null : fields.take("schedule.zone"),
                cron == null ? null : fields.take("schedule.catch-up"));
    }

    private static JobDefinition.Schedule verify(DefinitionFields fields) {
        Field cron = fields.take("verify.cron");
        Field every = fields.take("verify.every");
        if (cron == null && every == null) {
            return JobDefinition.Schedule.ON_DEMAND;
        }
        return schedule(
                fields,
                "verify",
                cron,
                every,
                fields.take("verify.jitter"),
                cron == null ? null : fields.take("verify.zone"),
                cron == null ? null : fields.take("verify.catch-up"));
    }

    /** @param key what all of these fields begin with; what is not given is null */
    private static JobDefinition.Schedule schedule(
            DefinitionFields fields,
            String key,
            @Nullable Field cron,
            @Nullable Field every,
            @Nullable Field jitter,
            @Nullable Field zone,
            @Nullable Field catchUp) {
        if (cron != null && every != null) {
            fields.mistake("exactly one of '" + key + ".cron' and '" + key + ".every' is expected");
        }
        Duration late = valueOr(
                fields, jitter, key + ".jitter", Duration.ZERO, text -> bounded(text, Duration.ZERO, LONGEST_JITTER));
        if (cron != null) {
            ZoneId where = valueOr(fields, zone, key + ".zone", ZoneId.of("UTC"), ZoneId::of);
            boolean madeUpFor = valueOr(fields, catchUp, key + ".catch-up", false, JobDefinitionReader::truth);
            FiringTimes times = value(fields, cron, key + ".cron", text -> CronTimes.parse(text, where));
            return new JobDefinition.Schedule(cron.text() + " (" + where + ")", times, late, madeUpFor, where);
        }
        Field period = Objects.requireNonNull(every);
        FiringTimes times = value(fields, period, key + ".every", text -> new PeriodTimes(period(text)));
        return new JobDefinition.Schedule("every " + period.text(), times, late, false, ZoneId.of("UTC"));
    }

    /** @param zone of the definition's schedule */
    private static @Nullable KeepRule keep(DefinitionFields fields, ZoneId zone, @Nullable NewImage newImage) {
        int last = optional(fields, "keep.last", NOT_GIVEN, JobDefinitionReader::kept);
        int hourly = optional(fields, "keep.hourly", NOT_GIVEN, JobDefinitionReader::kept);
        int daily = optional(fields, "keep.daily", NOT_GIVEN, JobDefinitionReader::kept);
        int weekly = optional(fields, "keep.weekly", NOT_GIVEN, JobDefinitionReader::kept);
        int monthly = optional(fields, "keep.monthly", NOT_GIVEN, JobDefinitionReader::kept);
        int yearly = optional(fields, "keep.yearly", NOT_GIVEN, JobDefinitionReader::kept);
        int most =
                IntStream.of(last, hourly, daily, weekly, monthly, yearly).max().orElseThrow();
        if (most == NOT_GIVEN) {
            return null; // a zone alone is then a field that nobody takes
        }
        ZoneId where = optional(fields, "keep.zone", zone, ZoneId::of);
        if (newImage != null) {
            fields.mistake("'keep': with 'create' each image has one snapshot, so there is nothing to choose from");
        }
        if (most == 0) {
            fields.mistake("'keep': one of the numbers must not be 0");
            return null;
        }
        return new KeepRule(
                Math.max(0, last),
                Math.max(0, hourly),
                Math.max(0, daily),
                Math.max(0, weekly),
                Math.max(0, monthly),
                Math.max(0, yearly),
                where);
    }

    private static int kept(String text) {
        return (int) number(text, 0, KEEP_MAX);
    }

    private static @Nullable ImportWindow window(DefinitionFields fields) {
        Field from = fields.take("window.from");
        if (from == null) {
            return null;
        }
        Field to = fields.require("window.to");
        ZoneId zone = optional(fields, "window.zone", ZoneId.of("UTC"), ZoneId::of);
        LocalTime opens = value(fields, from, "window.from", LocalTime::parse);
        return opens == null
                ? null
                : value(fields, to, "window.to", text -> new ImportWindow(opens, LocalTime.parse(text), zone));
    }

    private static OnSuccess onSuccess(DefinitionFields fields, FileRoots roots, ImportOptions options) {
        OnSuccess.Action action = optional(
                fields, "on-success.action", OnSuccess.Action.KEEP, text -> constant(OnSuccess.Action.values(), text));
        if (action == OnSuccess.Action.MOVE) {
            Path folder =
                    value(fields, fields.require("on-success.folder"), "on-success.folder", text -> path(text, roots));
            return new OnSuccess(action, folder);
        }
        if (action == OnSuccess.Action.DELETE && !options.verify()) {
            fields.mistake("'on-success.action': delete needs 'options.verify: true'");
        }
        return new OnSuccess(action, null);
    }

    private static @Nullable RetryRule retry(DefinitionFields fields) {
        Field attempts = fields.take("retry.attempts");
        if (attempts == null) {
            return null;
        }
        Duration delay = optional(fields, "retry.delay", BackOff.FIRST, JobDefinitionReader::period);
        double factor = optional(fields, "retry.factor", 2.0, JobDefinitionReader::factor);
        Duration longest = optional(fields, "retry.longest-delay", BackOff.LONGEST, JobDefinitionReader::period);
        return value(
                fields,
                attempts,
                "retry.attempts",
                text -> new RetryRule((int) number(text, 1, ATTEMPTS_MAX), delay, factor, longest));
    }

    private static Duration period(String text) {
        return bounded(text, SHORTEST_PERIOD, LONGEST_PERIOD);
    }

    private static Duration delay(String text) {
        return bounded(text, Duration.ZERO, LONGEST_PERIOD);
    }

    private static Duration bounded(String text, Duration shortest, Duration longest) {
        Duration period = DurationStyle.SIMPLE.parse(text);
        if (period.compareTo(shortest) < 0) {
            throw new IllegalArgumentException(
                    "'" + text + "' is shorter than " + (shortest.isZero() ? "no time at all" : "a second"));
        }
        if (period.compareTo(longest) > 0) {
            throw new IllegalArgumentException("'" + text + "' is longer than "
                    + (longest.toDays() > 1 ? longest.toDays() + " days" : longest.toHours() + " hours"));
        }
        return period;
    }

    private static long number(String text, long least, long most) {
        try {
            long number = Long.parseLong(text);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new IllegalArgumentException("'" + text + "' is not a whole number from " + least + " to " + most);
    }

    private static double factor(String text) {
        try {
            double factor = Double.parseDouble(text);
            if (factor >= 1 && factor <= FACTOR_MAX) {
                return factor;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new IllegalArgumentException("'" + text + "' is not a number from 1 to " + (int) FACTOR_MAX);
    }

    private static ImportOptions options(DefinitionFields fields) {
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

    private static DumpChoice choice(DefinitionFields fields) {
        return new DumpChoice(
                optional(fields, "options.format", DumpFormat.AUTO, text -> constant(DumpFormat.values(), text)),
                optional(fields, "options.offset", 0L, ByteSize::parse),
                optional(fields, "options.ram-layout", RamLayout.PLAIN, text -> constant(RamLayout.values(), text)),
                fields.takeList("options.drop-sections").stream()
                        .map(Field::text)
                        .toList());
    }

    private static boolean flag(DefinitionFields fields, String key) {
        return optional(fields, key, false, JobDefinitionReader::truth);
    }

    private static boolean truth(String text) {
        return switch (text) {
            case "true" -> true;
            case "false" -> false;
            default -> throw new IllegalArgumentException("'" + text + "' is neither true nor false");
        };
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

    /** @param absent the value if the field is not given, and also, beside a mistake, if it is not valid */
    private static <T extends @Nullable Object> T optional(
            DefinitionFields fields, String key, T absent, Function<String, T> reading) {
        return valueOr(fields, fields.take(key), key, absent, reading);
    }

    /** The same of a field that was taken. */
    private static <T extends @Nullable Object> T valueOr(
            DefinitionFields fields, @Nullable Field field, String key, T absent, Function<String, T> reading) {
        @Nullable T value = value(fields, field, key, reading);
        return value == null ? absent : value;
    }

    /** The field's value; null if it is not given, and also, beside a mistake, if it is not valid. */
    private static <T extends @Nullable Object> @Nullable T value(
            DefinitionFields fields, @Nullable Field field, String key, Function<String, T> reading) {
        if (field == null) {
            return null;
        }
        try {
            return reading.apply(field.text());
        } catch (IllegalArgumentException | DateTimeException | ArithmeticException e) {
            fields.mistake(field.line(), "'" + key + "': " + e.getMessage());
            return null;
        }
    }
}
