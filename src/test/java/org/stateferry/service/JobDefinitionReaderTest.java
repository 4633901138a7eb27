package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.FileRoots;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.importer.ImportRequest;
import org.stateferry.qcow2.NewImage;
import org.stateferry.service.definition.DefinitionMistake;
import org.stateferry.service.definition.ImportWindow;
import org.stateferry.service.definition.OnSuccess;
import org.stateferry.service.definition.RetryRule;
import org.stateferry.service.definition.SourceRule;
import org.stateferry.service.retention.KeepRule;
import org.stateferry.source.DumpChoice;
import org.stateferry.source.DumpFormat;
import org.stateferry.storage.ImageRights;
import org.stateferry.storage.IoMode;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RunningCommand;

class JobDefinitionReaderTest {
    private static final Instant MODIFIED = Instant.parse("2026-11-22T23:05:09Z");

    private static final DumpFacts DUMP = new DumpFacts(Path.of("vm.dump"), MODIFIED, FileRoots.ANYWHERE);

    @TempDir
    Path jobs;

    private JobDefinition read(String text) throws Exception {
        return DefinitionText.read(Files.writeString(jobs.resolve("nightly.yaml"), text));
    }

    private static List<JobDefinition> readAll(Path folder) throws StateferryException {
        return new DefinitionFolder(folder, UnaryOperator.identity(), FileRoots.ANYWHERE).read();
    }

    private StateferryException refusal(String text) {
        StateferryException refusal = catchThrowableOfType(StateferryException.class, () -> read(text));
        assertThat(refusal).as("refusal of%n%s", text).isNotNull();
        assertThat(refusal.kind()).isEqualTo(FailureKind.CONFIGURATION);
        assertThat(refusal.file()).isEqualTo(jobs.resolve("nightly.yaml"));
        assertThat(refusal.advice()).isNotBlank();
        return refusal;
    }

    @Test
    void readsEveryField() throws Exception {
        JobDefinition definition = read(DefinitionText.VALID);

        assertThat(definition.job()).isEqualTo("nightly");
        assertThat(definition.requestFor(DUMP))
                .isEqualTo(new ImportRequest(
                        Path.of("vm.dump"),
                        Path.of("vm.qcow2"),
                        "nightly-20261122",
                        new ImportOptions(
                                new DumpChoice(DumpFormat.PLAIN, 0),
                                IoMode.DIRECT,
                                Compression.NONE,
                                true,
                                true,
                                false,
                                true,
                                2048)));
        assertThat(definition.schedule().times().after(MODIFIED)).isEqualTo("2026-11-23T01:30:00Z");
    }

    @Test
    void readsASnapshotThatIsThereAndIsGivenTheStateOfAnother() throws Exception {
        JobDefinition named = read("{dump: vm.dump, image: b, name: '{stem}'}");
        JobDefinition definition =
                read("{dump: vm.dump, image: b, into: '{stem}', also: o, options: {from-snapshot: before}}");

        ImportRequest request = definition.requestFor(DUMP);
        assertThat(request.into()).isTrue();
        assertThat(request.name()).isEqualTo("vm");
        assertThat(request.options().choice().fromSnapshot()).isEqualTo("before");
        assertThat(named.requestFor(DUMP).into()).isFalse();
        assertThat(named.requestFor(DUMP).options().choice().fromSnapshot()).isNull();
    }

    /** What an operator takes from the command line, and what to do instead. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "wait          | wait for their turn",
                "dry-run       | stateferry import --dry-run",
                "progress      | GET /api/v1/imports",
                "quiet         | its log",
                "json          | GET /api/v1/imports",
                "libvirt-xml   | stateferry import --libvirt-xml",
                "libvirt-domain| --libvirt-xml",
            })
    void saysWhyAnOptionOfTheCommandIsNoneOfADefinition(String option, String why) {
        assertThat(refusal("{dump: a, image: b, name: c, options: {" + option + ": 1}}")
                        .problem())
                .startsWith("line 1: 'options." + option + "' is not a field of a definition: ")
                .contains(why);
    }

    @Test
    void readsWhatIsBesideTheImport() throws Exception {
        JobDefinition definition = read("""
                source:
                  folder: /dumps
                  include: ["*.save", "*.dump"]
                  settled-for: 90s
                image: /images/{stem}.qcow2
                also: ["/images/{stem}-data.qcow2"]
                name: "{file}"
                schedule: {cron: "@hourly", jitter: 5m, catch-up: true}
                window: {from: "22:00", to: "06:00", zone: Europe/Berlin}
                enabled: false
                on-success: {action: move, folder: /done}
                retry: {attempts: 5, delay: 30s, factor: 1.5, longest-delay: 10m}
                max-concurrent: 3
                priority: -7
                """);

        assertThat(definition.source())
                .isEqualTo(
                        new SourceRule(Path.of("/dumps"), true, List.of("*.save", "*.dump"), Duration.ofSeconds(90)));
        assertThat(definition.requestFor(new DumpFacts(Path.of("/dumps/a.save"), MODIFIED, FileRoots.ANYWHERE)))
                .isEqualTo(new ImportRequest(
                        Path.of("/dumps/a.save"),
                        Path.of("/images/a.qcow2"),
                        "a.save",
                        List.of(Path.of("/images/a-data.qcow2")),
                        null,
                        ImportOptions.DEFAULTS));
        assertThat(definition.schedule().jitter()).isEqualTo(Duration.ofMinutes(5));
        assertThat(definition.schedule().catchUp()).isTrue();
        assertThat(definition.window())
                .isEqualTo(new ImportWindow(LocalTime.of(22, 0), LocalTime.of(6, 0), ZoneId.of("Europe/Berlin")));
        assertThat(definition.enabled()).isFalse();
        assertThat(definition.onSuccess()).isEqualTo(new OnSuccess(OnSuccess.Action.MOVE, Path.of("/done")));
        assertThat(definition.retry()).isEqualTo(new RetryRule(5, Duration.ofSeconds(30), 1.5, Duration.ofMinutes(10)));
        assertThat(definition.concurrentMax()).isEqualTo(3);
        assertThat(definition.priority()).isEqualTo(-7);
    }

    @Test
    void readsWhatIsKeptAndWhenItIsReadBack() throws Exception {
        JobDefinition definition = read("""
                dump: a
                image: b
                name: c
                schedule: {cron: "@daily", zone: Europe/Berlin}
                keep: {last: 3, hourly: 24, daily: 7, weekly: 4, monthly: 12, yearly: 3}
                verify: {cron: "0 0 4 * * SUN", zone: America/New_York, jitter: 1h, catch-up: true}
                """);

        assertThat(definition.keep()).isEqualTo(new KeepRule(3, 24, 7, 4, 12, 3, ZoneId.of("Europe/Berlin")));
        assertThat(definition.verify().times().after(MODIFIED)).isEqualTo("2026-11-29T09:00:00Z");
        assertThat(definition.verify().jitter()).isEqualTo(Duration.ofHours(1));
        assertThat(definition.verify().catchUp()).isTrue();

        JobDefinition other =
                read("{dump: a, image: b, name: c, keep: {last: 1, zone: Asia/Tokyo}, verify: {every: 24h}}");
        assertThat(other.keep()).isEqualTo(new KeepRule(1, 0, 0, 0, 0, 0, ZoneId.of("Asia/Tokyo")));
        assertThat(other.verify().times().after(MODIFIED)).isEqualTo(MODIFIED.plus(Duration.ofDays(1)));
        assertThat(read("{dump: a, image: b, name: c}").keep()).isNull();
        assertThat(read("{dump: a, image: b, name: c}").verify().times()).isNull();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "keep: {last: -1} | line 1: 'keep.last': '-1' is not a whole number from 0 to 10000",
                "keep: {daily: many} | line 1: 'keep.daily': 'many' is not a whole number from 0 to 10000",
                "keep: {last: 0} | 'keep': one of the numbers must not be 0",
                "keep: {dayly: 3} | line 1: 'keep.dayly' is not a field of a definition",
                "keep: {zone: UTC} | line 1: 'keep.zone' is not a field of a definition",
                "keep: {last: 1, zone: Here} | line 1: 'keep.zone': ",
                "create: {size: 1G}, keep: {last: 1} | 'keep': with 'create' each image has one snapshot",
                "verify: {cron: never} | line 1: 'verify.cron': ",
                "verify: {cron: '@daily', every: 1h} | exactly one of 'verify.cron' and 'verify.every' is expected",
                "verify: {every: 1h, zone: UTC} | line 1: 'verify.zone' is not a field of a definition",
                "verify: {jitter: 1h} | line 1: 'verify.jitter' is not a field of a definition",
            })
    void whatIsKeptMustBeExactlyRight(String fields, String mistake) {
        assertThat(refusal("{dump: a, image: b, name: c, " + fields + "}").problem())
                .startsWith(mistake);
    }

    @Test
    void onlyWhatWasReadBackIsDeleted() throws Exception {
        String definition = "{dump: a, image: b, name: c, on-success: {action: delete}, options: {verify: %s}}";

        assertThat(refusal(definition.formatted("false")).problem())
                .isEqualTo("'on-success.action': delete needs 'options.verify: true'");
        assertThat(read(definition.formatted("true")).onSuccess())
                .isEqualTo(new OnSuccess(OnSuccess.Action.DELETE, null));
    }

    @Test
    void withoutAScheduleItIsOnDemand() throws Exception {
        assertThat(read("{dump: a, image: b, name: c}").schedule().times()).isNull();
    }

    @Test
    void allMistakesOfAllFilesAreToldAtOnce() throws Exception {
        Files.writeString(jobs.resolve("a.yaml"), "dump: a\nimages: b\nname: '{'\noptions: {io: fast}\n");
        Files.writeString(jobs.resolve("b.yaml"), "{dump: a");
        Files.writeString(jobs.resolve("c.yaml"), "dump: a\nimage: b\nname: c\nalso: [[d]]\n");

        StateferryException refusal = catchThrowableOfType(StateferryException.class, () -> readAll(jobs));

        assertThat(refusal.kind()).isEqualTo(FailureKind.CONFIGURATION);
        assertThat(refusal.file()).isEqualTo(jobs);
        assertThat(refusal.problem())
                .startsWith("6 mistakes: ")
                .contains(
                        "a.yaml: 'image' is missing",
                        "a.yaml: line 3: 'name': a brace",
                        "a.yaml: line 4: 'options.io': 'fast' is none of",
                        "a.yaml: line 2: 'images' is not a field of a definition",
                        "b.yaml: line 1: not valid YAML",
                        "c.yaml: line 4: 'also' must have plain values");
    }

    @Test
    void whatLiesUnderNoneOfTheRootsIsAMistakeWithLineAndField() throws Exception {
        Path root = Files.createDirectory(jobs.resolve("root"));
        Path elsewhere = Files.createDirectory(jobs.resolve("elsewhere"));
        Files.createSymbolicLink(root.resolve("link"), elsewhere);
        String text = """
                source:
                  folder: %1$s/link
                image: %1$s/../elsewhere/{domain}.qcow2
                also: [%1$s/data.qcow2, /data.qcow2]
                name: n
                on-success:
                  action: move
                  folder: %1$s/link/done
                """.formatted(root);
        List<DefinitionMistake> mistakes = new ArrayList<>();

        assertThat(JobDefinitionReader.read(
                        Files.writeString(jobs.resolve("nightly.yaml"), text),
                        UnaryOperator.identity(),
                        FileRoots.of(List.of(root)),
                        mistakes))
                .isEmpty();

        assertThat(mistakes)
                .extracting(DefinitionMistake::problem)
                .allMatch(
                        problem -> problem.contains("lies under none of the folders that the setting stateferry.roots"))
                .extracting(problem -> problem.substring(0, problem.indexOf(": '/")))
                .containsExactlyInAnyOrder(
                        "line 2: 'source.folder'", "line 3: 'image'", "line 4: 'also'", "line 8: 'on-success.folder'");
        mistakes.clear();
        String inOrder = "{source: {folder: %1$s/drop}, image: '%1$s/not-there-yet/{domain}.qcow2', name: n}";
        assertThat(JobDefinitionReader.read(
                        Files.writeString(jobs.resolve("nightly.yaml"), inOrder.formatted(root)),
                        UnaryOperator.identity(),
                        FileRoots.of(List.of(elsewhere, root)),
                        mistakes))
                .isPresent();
        assertThat(mistakes).isEmpty();
    }

    @Test
    void optionsHaveTheDefaultsOfTheCommandLine() throws Exception {
        JobDefinition definition = read("{dump: a, image: b, name: c, schedule: {every: 10m}}");

        assertThat(definition.requestFor(DUMP))
                .isEqualTo(new ImportRequest(DUMP.path(), Path.of("b"), "c", ImportOptions.DEFAULTS));
        assertThat(definition.schedule()).hasToString("every 10m");
    }

    @Test
    void anImageThatIsMadeHasASize() throws Exception {
        String definition = "{dump: a, image: b, name: c, schedule: {every: 10m}, create: {size: 10G%s}}";

        assertThat(read(definition.formatted("")).requestFor(DUMP).newImage())
                .isEqualTo(new NewImage(10L << 30, 65536));
        assertThat(read(definition.formatted(", cluster-size: 2M"))
                        .requestFor(DUMP)
                        .newImage())
                .isEqualTo(new NewImage(10L << 30, 2 << 20));
        assertThat(refusal(definition.formatted(", cluster-size: 3K")).problem())
                .startsWith("line 1: 'create': a cluster size of 3072 bytes is no power of two");
        assertThat(refusal("{dump: a, image: b, name: c, schedule: {every: 10m}, create: {cluster-size: 1M}}")
                        .problem())
                .isEqualTo("line 1: 'create.cluster-size' is not a field of a definition");
    }

    @Test
    void anImageThatIsMadeHasAModeAndAnOwner() throws Exception {
        String definition =
                "dump: a\nimage: b\nname: c\nschedule: {every: 10m}\ncreate:\n  size: 10G\n  mode: %s\n  owner: %s\n";

        assertThat(read(definition.formatted("0640", "0:0")).requestFor(DUMP).newImage())
                .isEqualTo(new NewImage(10L << 30, 65536, new ImageRights(0640, "0:0")));
        assertThat(refusal(definition.formatted("0755", "0")).problem())
                .startsWith("line 7: 'create.mode': a mode of 755 is not one for an image");
        assertThat(refusal(definition.formatted("rw", "0")).problem())
                .startsWith("line 7: 'create.mode': 'rw' is not a mode of three octal digits");
        assertThat(refusal(definition.formatted("600", "no-such-user")).problem())
                .isEqualTo("line 8: 'create.owner': there is no user or group 'no-such-user'");
    }

    @Test
    void aDefinitionThatAnybodyCouldHaveWrittenIsNotObeyed() throws Exception {
        Path file = Files.writeString(jobs.resolve("nightly.yaml"), DefinitionText.VALID);
        Path link = Files.createSymbolicLink(jobs.resolve("link.yaml"), file);
        Path real = file.toRealPath();
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-rw-"));
        for (Path path : List.of(file, link)) {
            assertNotObeyed(path, real + " may be written to by everybody (mode 666)");
        }
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-r--"));
        DefinitionText.read(file);

        Files.setPosixFilePermissions(jobs, PosixFilePermissions.fromString("rwxrwxrwx"));
        assertNotObeyed(file, jobs.toRealPath() + " may be written to by everybody (mode 777)");
        Files.setPosixFilePermissions(jobs, PosixFilePermissions.fromString("rwxrwxr-x"));
        DefinitionText.read(link);

        assumeTrue(Files.getAttribute(file, "unix:uid").equals(0), "only root may give a file to another user");
        Files.setAttribute(file, "unix:uid", 65534);
        assertNotObeyed(file, real + " belongs to another user (65534)");
    }

    private static void assertNotObeyed(Path file, String why) {
        StateferryException refusal = catchThrowableOfType(StateferryException.class, () -> DefinitionText.read(file));
        assertThat(refusal.kind()).isEqualTo(FailureKind.CONFIGURATION);
        assertThat(refusal.problem()).isEqualTo("is not obeyed, because " + why);
        assertThat(refusal.advice()).contains("(ch");
    }

    @ParameterizedTest
    @ValueSource(strings = {"[o, p]", "\n- o\n- p"})
    void takesTheOtherDisksAsAList(String list) throws Exception {
        JobDefinition definition = read("dump: a\nimage: b\nname: c\nschedule: {every: 10m}\nalso: " + list + "\n");

        assertThat(definition.requestFor(DUMP).otherDisks()).containsExactly(Path.of("o"), Path.of("p"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"[slirp, pbs-state]", "\n    - slirp\n    - pbs-state"})
    void takesTheSectionsToLeaveOutAsAList(String list) throws Exception {
        JobDefinition definition = read("dump: a\nimage: b\nname: c\noptions:\n  drop-sections: " + list + "\n");

        assertThat(definition.requestFor(DUMP).options().choice().dropSections())
                .containsExactly("slirp", "pbs-state");
    }

    @Test
    void takesOneOtherDiskWithoutAListAsWell() throws Exception {
        JobDefinition definition = read("{dump: a, image: b, name: c, schedule: {every: 10m}, also: o}");

        assertThat(definition.requestFor(DUMP).otherDisks()).containsExactly(Path.of("o"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "dump: vm.dump        | dumps: vm.dump        | 'dump' is missing, or one of 'source.file' and 'source.folder'",
                "dump: vm.dump        | source: {folder: a, file: b} | only one of 'dump', 'source.file' and 'source.folder'",
                "dump: vm.dump        | source: {file: a, include: b} | 'source.include' is for a 'source.folder'",
                "dump: vm.dump        | source: {folder: a, include: [a/b]} | line 1: 'source.include': 'a/b' is not a pattern",
                "dump: vm.dump        | source: {folder: a, settled-for: 1y} | line 1: 'source.settled-for':",
                "image: vm.qcow2      | image: '{'            | line 2: 'image': a brace in '{' has no partner",
                "image: vm.qcow2      | image: '{nonsense}'   | line 2: 'image': '{nonsense}' is not a date pattern",
                "zone: Europe/Berlin  | jitter: 25h           | line 6: 'schedule.jitter': '25h' is longer than 24 hours",
                "zone: Europe/Berlin  | catch-up: maybe       | line 6: 'schedule.catch-up': 'maybe' is neither true nor false",
                "image: vm.qcow2      | image: b\\nenabled: no | line 3: 'enabled': 'no' is neither true nor false",
                "image: vm.qcow2      | image: b\\nwindow: {from: '22:00'} | 'window.to' is missing",
                "image: vm.qcow2      | image: b\\nwindow: {from: '22:00', to: '22:00'} | line 3: 'window.to': it opens and closes at the same time",
                "image: vm.qcow2      | image: b\\nwindow: {from: 25h, to: '22:00'} | line 3: 'window.from':",
                "image: vm.qcow2      | image: b\\nwindow: {to: '22:00'} | line 3: 'window.to' is not a field",
                "image: vm.qcow2      | image: b\\non-success: {action: burn} | line 3: 'on-success.action': 'burn' is none of [keep, move, delete]",
                "image: vm.qcow2      | image: b\\non-success: {action: move} | 'on-success.folder' is missing",
                "image: vm.qcow2      | image: b\\nretry: {delay: 1m} | line 3: 'retry.delay' is not a field",
                "image: vm.qcow2      | image: b\\nretry: {attempts: 0} | line 3: 'retry.attempts': '0' is not a whole number from 1 to 100",
                "image: vm.qcow2      | image: b\\nretry: {attempts: 2, factor: .5} | line 3: 'retry.factor': '.5' is not a number from 1 to 100",
                "image: vm.qcow2      | image: b\\nmax-concurrent: 65 | line 3: 'max-concurrent': '65' is not a whole number from 1 to 64",
                "image: vm.qcow2      | image: b\\npriority: high | line 3: 'priority': 'high' is not a whole number",
                "dump: vm.dump        | dump:                 | line 1: 'dump' must have a plain value",
                "dump: vm.dump        | dump: ''              | line 1: 'dump' is empty",
                "dump: vm.dump        | dump: [vm.dump]       | line 1: 'dump' must have a plain value",
                "dump: vm.dump        | dump: \"\\0\"            | line 1: 'dump': Nul character not allowed",
                "dump: vm.dump        | also: [a, [b]]        | line 1: 'also' must have plain values",
                "image: vm.qcow2      | imag: vm.qcow2        | 'image' is missing",
                "image: vm.qcow2      | image: b\\ninto: c   | only one of 'name' and 'into' is expected",
                "name: nightly-{yyyyMMdd} | into: nightly-{today} | line 3: 'into': '{today}' is not a date pattern",
                "name: nightly-{yyyyMMdd} | into: c\\ncreate: {size: 1M} | 'into' needs a snapshot that is there",
                "name: nightly-{yyyyMMdd} | into: c\\nkeep: {last: 1} | 'keep' is for snapshots that the definition makes",
                "name: nightly-{yyyyMMdd} | into: c\\nverify: {every: 1h} | 'verify' is for snapshots that the definition makes",
                "limit-rate: 2K       | from-snapshot: ''     | line 14: 'options.from-snapshot': a name must not be blank",
                "image: vm.qcow2      | dump: again           | line 2: 'dump' was given on line 1 already",
                "nightly-{yyyyMMdd}   | nightly-{today}       | line 3: 'name': '{today}' is not a date pattern",
                "nightly-{yyyyMMdd}   | n-{ypyyMMdd-HHmmss}   | line 3: 'name': '{ypyyMMdd-HHmmss}' is not a date pattern",
                "nightly-{yyyyMMdd}   | nightly-{yyyy         | line 3: 'name': a brace",
                "nightly-{yyyyMMdd}   | \"half \\uD83D\"       | line 3: 'name': a name cannot have half a surrogate pair",
                "cron:                | crom:                 | line 5: 'schedule.crom' is not a field",
                "cron: \"0 30 2 * * *\" | cron: '@daily'\\n  every: 1h | exactly one of 'schedule.cron' and 'schedule.every'",
                "cron: \"0 30 2 * * *\" | every: 10m           | line 6: 'schedule.zone' is not a field",
                "0 30 2               | 30 2                  | line 5: 'schedule.cron': Cron expression must consist of 6 fields",
                "0 30 2               | 0 61 2                | line 5: 'schedule.cron':",
                "0 30 2 * * *         | 0 30 2 30 2 *         | line 5: 'schedule.cron': '0 30 2 30 2 *' never comes true",
                "Europe/Berlin        | Europe/Bielefeld      | line 6: 'schedule.zone':",
                "format: plain        | format: pain          | line 8: 'options.format': 'pain' is none of [auto, plain, opaque, libvirt, gzip,",
                "io: direct           | io: fast              | line 9: 'options.io':",
                "strict: true         | strict: yes           | line 10: 'options.strict': 'yes' is neither true nor false",
                "allow-bitmaps: true  | allow-bitmap: true    | line 11: 'options.allow-bitmap' is not a field",
                "no-lock: true        | no-lock: {a: b}       | line 12: 'options.no-lock' must have a plain value",
                "verify: true         | verify: 1             | line 13: 'options.verify':",
                "limit-rate: 2K       | limit-rate: fast      | line 14: 'options.limit-rate': 'fast' is not a rate",
                "limit-rate: 2K       | unknown: 1            | line 14: 'options.unknown' is not a field",
            })
    void refusesAFieldThatIsSpoiledAndSaysWhere(String valid, String spoiled, String expected) {
        assertThat(DefinitionText.VALID).contains(valid);

        assertThat(refusal(DefinitionText.VALID.replace(valid, spoiled.replace("\\n", "\n")))
                        .problem())
                .contains(expected);
    }

    @ParameterizedTest
    @CsvSource({"0s", "500ms", "-1m", "10 minutes", "1e9", "367d", "999999999999d", "99999999999999999999s"})
    void refusesAPeriodThatIsNone(String period) {
        assertThat(refusal("{dump: a, image: b, name: c, schedule: {every: " + period + "}}")
                        .problem())
                .startsWith("line 1: 'schedule.every':");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "``                       | a mapping of fields is expected",
                "- a                      | a mapping of fields is expected",
                "{dump: a                 | not valid YAML",
                "`{dump: a}\n---\nmore: 1` | one definition a file is expected",
                "{dump: &a a, image: *a}  | 'image' must have a plain value",
                "{a: {b: {c: d}}}         | 'a.b' must have a plain value",
            })
    void refusesAFileThatIsNoDefinition(String text, String expected) {
        assertThat(refusal(text).problem()).contains(expected);
    }

    @Test
    void refusesAFileThatIsTooLongToBeOne() {
        assertThat(refusal("#".repeat(70_000)).problem()).contains("longer than");
    }

    /** Nothing is waited for, and no more is read than a definition may have. */
    @Test
    @Timeout(600)
    void refusesWhatIsNoFile() throws Exception {
        assumeTrue(QemuTools.isOnPath("mkfifo"), "mkfifo is not installed");
        Path fifo = jobs.resolve("fifo.yaml");
        RunningCommand.run(Duration.ofSeconds(30), List.of("mkfifo", fifo.toString()))
                .requireSuccess();
        Path zero = Files.createSymbolicLink(jobs.resolve("zero.yaml"), Path.of("/dev/zero"));
        Path folder = Files.createDirectory(jobs.resolve("folder.yaml"));
        Map<Path, String> kinds = Map.of(fifo, "a FIFO", zero, "a character device", folder, "a directory");
        for (Map.Entry<Path, String> kind : kinds.entrySet()) {
            StateferryException failure =
                    catchThrowableOfType(StateferryException.class, () -> DefinitionText.read(kind.getKey()));
            assertThat(failure.kind()).isEqualTo(FailureKind.CONFIGURATION);
            assertThat(failure.problem())
                    .isEqualTo("cannot be read: it is " + kind.getValue() + ", not a regular file");
        }
    }

    @Test
    void readsADefinitionThroughALink() throws Exception {
        Path elsewhere = Files.writeString(jobs.resolve("elsewhere"), "{dump: a");
        Path link = Files.createSymbolicLink(jobs.resolve("link.yaml"), elsewhere);
        assertThat(catchThrowableOfType(StateferryException.class, () -> DefinitionText.read(link))
                        .problem())
                .contains("not valid YAML");
    }

    @Test
    void refusesAFileThatIsNotText() throws Exception {
        Path file = Files.write(jobs.resolve("binary.yaml"), new byte[] {(byte) 0xff, (byte) 0xfe, 0});

        assertThat(catchThrowableOfType(StateferryException.class, () -> DefinitionText.read(file))
                        .problem())
                .contains("UTF-8");
    }

    @Test
    void readsTheYamlFilesOfADirectoryInOrder() throws Exception {
        Files.writeString(jobs.resolve("b.yml"), DefinitionText.VALID);
        Files.writeString(jobs.resolve("a.yaml"), DefinitionText.VALID);
        Files.writeString(jobs.resolve("README"), "none");

        assertThat(readAll(jobs)).extracting(JobDefinition::job).isEqualTo(List.of("a", "b"));
    }

    @Test
    void refusesTwoFilesForOneJob() throws Exception {
        Files.writeString(jobs.resolve("a.yml"), DefinitionText.VALID);
        Files.writeString(jobs.resolve("a.yaml"), DefinitionText.VALID);

        StateferryException refusal = catchThrowableOfType(StateferryException.class, () -> readAll(jobs));

        assertThat(refusal.kind()).isEqualTo(FailureKind.CONFIGURATION);
        assertThat(refusal.problem()).contains("\"a\"", "a.yaml");
    }

    @Test
    void refusesADirectoryThatIsNotThere() {
        StateferryException refusal =
                catchThrowableOfType(StateferryException.class, () -> readAll(jobs.resolve("absent")));

        assertThat(refusal.kind()).isEqualTo(FailureKind.CONFIGURATION);
    }

    @Test
    void theExampleIsValid() throws Exception {
        assertThat(readAll(Path.of("jobs"))).isNotEmpty();
    }
}
