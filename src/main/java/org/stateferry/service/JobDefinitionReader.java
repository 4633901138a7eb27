package org.stateferry.service;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.stateferry.bytes.ByteSize;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.FileRoots;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.qcow2.NewImage;
import org.stateferry.service.definition.DefinitionFields;
import org.stateferry.service.definition.DefinitionFile;
import org.stateferry.service.definition.DefinitionMistake;
import org.stateferry.service.definition.FieldValues;
import org.stateferry.service.definition.ImportWindow;
import org.stateferry.service.definition.OnSuccess;
import org.stateferry.service.definition.RetryRule;
import org.stateferry.service.definition.SourceRule;
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
 * # or  into: {stem}                  # a snapshot of the disk alone, which is there and is given its state
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
 *   from-snapshot: before-upgrade
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
    private static final int CONCURRENT_MAX = 64;
    private static final int PRIORITY_MAX = 1000;

    /** Options of the command that are none of a definition, and why. */
    private static final Map<String, String> FOR_THE_COMMAND = Map.of(
            "options.wait", "the imports of a service wait for their turn, however long",
            "options.dry-run", "run stateferry import --dry-run with the same files",
            "options.progress", "GET /api/v1/imports tells how far each import is",
            "options.quiet", "the service writes to its log",
            "options.json", "GET /api/v1/imports has the outcomes",
            "options.libvirt-xml",
                    "run stateferry import --libvirt-xml with the same files and name afterwards: it finds the state there and"
                            + " writes the description",
            "options.libvirt-domain", "it belongs to --libvirt-xml, which only the command has");

    private JobDefinitionReader() {}

    /** Whether a file describes a job, by its name. */
    static boolean isDefinition(Path file) {
        return FILE_NAME.matcher(file.getFileName().toString()).matches();
    }

    /** The job that a file describes. */
    static String job(Path file) {
        return FILE_NAME.matcher(file.getFileName().toString()).replaceFirst("$1");
    }

    /**
     * Reads one file.
     *
     * @param settings puts settings in the place of what stands for them in a text, or throws an
     *     {@link IllegalArgumentException}
     * @param roots where all files must lie that it names
     * @param mistakes gets all that is wrong with it
     * @return empty if anything is
     */
    static Optional<JobDefinition> read(
            Path file, UnaryOperator<String> settings, FileRoots roots, List<DefinitionMistake> mistakes) {
        DefinitionFields fields;
        try {
            fields = DefinitionFile.read(file);
        } catch (StateferryException e) {
            mistakes.add(new DefinitionMistake(file, e.problem(), e.advice()));
            return Optional.empty();
        }
        SourceRule source = SourceRule.read(fields, roots);
        NamePattern image = fields.require("image", text -> paths(text, roots));
        NewImage newImage = newImage(fields);
        List<NamePattern> also = fields.readAll("also", text -> paths(text, roots));
        boolean into = fields.has("into");
        if (into && fields.has("name")) {
            fields.mistake("only one of 'name' and 'into' is expected");
            fields.read("name", NamePattern::parse);
        }
        NamePattern name = fields.require(into ? "into" : "name", NamePattern::parse);
        Schedule schedule = Schedule.read(fields, "schedule");
        ImportWindow window = ImportWindow.read(fields);
        ImportOptions options = options(fields);
        OnSuccess onSuccess = OnSuccess.read(fields, roots, options.verify());
        RetryRule retry = RetryRule.read(fields, BackOff.FIRST, BackOff.LONGEST);
        KeepRule keep = KeepRule.read(fields, schedule.zone());
        if (keep != null && newImage != null) {
            fields.mistake("'keep': with 'create' each image has one snapshot, so there is nothing to choose from");
        }
        Schedule verify = Schedule.read(fields, "verify");
        if (into) {
            refuseWithInto(fields, newImage, keep, verify);
        }
        int concurrentMax = fields.read("max-concurrent", 1, text -> FieldValues.number(text, 1, CONCURRENT_MAX));
        int priority = fields.read("priority", 0, text -> FieldValues.number(text, -PRIORITY_MAX, PRIORITY_MAX));
        NotifyRule notifyRule = NotifyRule.read(fields, job(file), settings);
        boolean enabled = fields.read("enabled", true, FieldValues::truth);
        FOR_THE_COMMAND.entrySet().stream()
                .sorted(Map.Entry.comparingByKey())
                .forEach(option -> fields.refuse(option.getKey(), option.getValue()));
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
                into,
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

    /** Such a snapshot was made by somebody else: whether it stays, and what is in it, is not for the definition. */
    private static void refuseWithInto(
            DefinitionFields fields, @Nullable NewImage newImage, @Nullable KeepRule keep, Schedule verify) {
        if (newImage != null) {
            fields.mistake("'into' needs a snapshot that is there, and 'create' makes an image without one");
        }
        if (keep != null) {
            fields.mistake("'keep' is for snapshots that the definition makes, and with 'into' it makes none");
        }
        if (verify.times() != null) {
            fields.mistake("'verify' is for snapshots that the definition makes, and with 'into' it makes none;"
                    + " 'options.verify' reads them back once");
        }
    }

    /** As far as the path is the same for all dumps; the rest is looked at when there is one. */
    private static NamePattern paths(String text, FileRoots roots) {
        NamePattern pattern = NamePattern.parsePath(text);
        if (pattern.isFixed()) {
            FieldValues.requireWithin(roots, Path.of(text), text);
        } else {
            pattern.folder().ifPresent(folder -> FieldValues.requireWithin(roots, folder, text));
        }
        return pattern;
    }

    private static @Nullable NewImage newImage(DefinitionFields fields) {
        if (!fields.has("create.size")) {
            return null; // a cluster size alone is then a field that nobody takes
        }
        long clusterSize = fields.read("create.cluster-size", (long) NewImage.DEFAULT_CLUSTER_SIZE, ByteSize::parse);
        ImageRights rights = new ImageRights(
                fields.read("create.mode", ImageRights::parseMode),
                fields.read("create.owner", ImageRights::parseOwner));
        return fields.readGroup(
                "create", "create.size", text -> NewImage.of(ByteSize.parse(text), clusterSize, rights));
    }

    private static ImportOptions options(DefinitionFields fields) {
        return new ImportOptions(
                choice(fields),
                fields.read("options.io", IoMode.AUTO, text -> FieldValues.constant(IoMode.values(), text)),
                fields.read(
                        "options.compress", Compression.NONE, text -> FieldValues.constant(Compression.values(), text)),
                fields.flag("options.strict"),
                fields.flag("options.allow-bitmaps"),
                !fields.flag("options.no-lock"),
                fields.flag("options.verify"),
                fields.read("options.limit-rate", 0L, ByteSize::parseRate));
    }

    private static DumpChoice choice(DefinitionFields fields) {
        return new DumpChoice(
                fields.read("options.format", DumpFormat.AUTO, text -> FieldValues.constant(DumpFormat.values(), text)),
                fields.read("options.offset", 0L, ByteSize::parse),
                fields.read(
                        "options.ram-layout", RamLayout.PLAIN, text -> FieldValues.constant(RamLayout.values(), text)),
                fields.readAll("options.drop-sections", Function.identity()),
                fields.read("options.from-snapshot", JobDefinitionReader::requireName));
    }

    private static String requireName(String text) {
        if (text.isBlank()) {
            throw new IllegalArgumentException("a name must not be blank");
        }
        return text;
    }
}
