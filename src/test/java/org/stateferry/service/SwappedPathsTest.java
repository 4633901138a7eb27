package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.batch.BatchContext;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.exporter.Compression;
import org.stateferry.exporter.ExportRequest;
import org.stateferry.home.RepositoryOwner;
import org.stateferry.home.RepositoryOwnership;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.host.LinuxFile;
import org.stateferry.importer.FileRoots;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.installation.OwnedRepository;
import org.stateferry.qcow2.NewImage;
import org.stateferry.service.definition.DefinitionMistake;
import org.stateferry.service.definition.ImportQueue;
import org.stateferry.snapshot.SnapshotSelection;
import org.stateferry.storage.ImageRights;
import org.stateferry.storage.OpenImages;

/**
 * Somebody who may write to a folder on the way has a path lead elsewhere after it was looked at, and before it is opened: what
 * lies there is neither read nor written. With real imports.
 */
class SwappedPathsTest {
    private static final Path DEMO = Path.of("src/demo");
    /** So long ago that the system notes the next read. */
    private static final FileTime LONG_AGO = FileTime.from(Instant.parse("2026-01-02T03:04:05Z"));

    @TempDir
    static Path base;

    private static StateferryHome home;
    private static OwnedRepository owned;

    private Path root;
    /** Below the root, and swapped. */
    private Path folder;
    /** Not below the root. */
    private Path outside;

    private FileRoots roots;
    private int count;

    @BeforeAll
    static void openHome() throws Exception {
        home = StateferryHome.open(base.resolve("home"));
        RepositoryOwnership ownership = RepositoryOwnership.tryAcquire(
                        home, RepositoryOwner.thisProcess(List.of("serve"), true))
                .orElseThrow();
        BatchContext repository = BatchContext.start(home, Map.of());
        owned = new OwnedRepository(ownership, repository, repository.imports());
    }

    @AfterAll
    static void closeHome() {
        owned.close();
    }

    @BeforeEach
    void makeFolders(@TempDir Path fresh) throws Exception {
        assumeThat(LinuxFile.isSupported()).isTrue();
        Path real = fresh.toRealPath();
        root = Files.createDirectory(real.resolve("root"));
        folder = fill(Files.createDirectory(root.resolve("folder")));
        outside = fill(Files.createDirectory(real.resolve("outside")));
        roots = FileRoots.of(List.of(root));
        Files.createDirectories(root.resolve("sound"));
        fill(root.resolve("sound"));
    }

    @AfterEach
    void nothingOutsideWasTouched() throws Exception {
        try (Stream<Path> files = Files.list(outside)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("vm.vmstate", "vm.qcow2", "data.qcow2");
        }
        for (String name : List.of("vm.vmstate", "vm.qcow2", "data.qcow2")) {
            Path file = outside.resolve(name);
            BasicFileAttributeView view = Files.getFileAttributeView(file, BasicFileAttributeView.class);
            assertThat(view.readAttributes().lastAccessTime())
                    .as("read " + name)
                    .isEqualTo(LONG_AGO);
            assertThat(view.readAttributes().lastModifiedTime())
                    .as("written " + name)
                    .isEqualTo(LONG_AGO);
        }
    }

    private static Path fill(Path where) throws IOException {
        for (Map.Entry<String, String> file : new TreeMap<>(Map.of(
                        "vm.vmstate", "ticker.vmstate", "vm.qcow2", "ticker.qcow2", "data.qcow2", "ticker.qcow2"))
                .entrySet()) {
            Path copy = Files.copy(DEMO.resolve(file.getValue()), where.resolve(file.getKey()));
            Files.getFileAttributeView(copy, BasicFileAttributeView.class).setTimes(LONG_AGO, LONG_AGO, null);
        }
        return where;
    }

    /** The folder's path leads elsewhere from now on. */
    private void swap() {
        try {
            Files.move(folder, root.resolve("moved"));
            Files.createSymbolicLink(folder, outside);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private ImportRequest request(String swapped) {
        Path sound = root.resolve("sound");
        boolean creates = swapped.equals("create");
        return new ImportRequest(
                (swapped.equals("dump") ? folder : sound).resolve("vm.vmstate"),
                (swapped.equals("image") || creates ? folder : sound).resolve(creates ? "new.qcow2" : "vm.qcow2"),
                "saved",
                swapped.equals("also") ? List.of(folder.resolve("data.qcow2")) : List.of(),
                creates ? NewImage.of(16 << 20, NewImage.DEFAULT_CLUSTER_SIZE, ImageRights.OF_DUMP) : null,
                ImportOptions.DEFAULTS);
    }

    private static void assertRefused(StateferryException refusal, Path swapped) {
        assertThat(refusal.kind()).isEqualTo(FailureKind.USAGE);
        assertThat(refusal.getMessage()).contains(swapped.toString(), "leads out of the folders");
        assertThat(refusal.advice()).contains("stateferry.roots");
    }

    @ParameterizedTest
    @ValueSource(strings = {"dump", "image", "also", "create"})
    void aRequestThatWasInOrderIsRefusedWhenItsFilesAreOpened(String swapped) throws Exception {
        ImportRequest confined = request(swapped).confinedTo(roots);
        swap();

        for (boolean dry : new boolean[] {true, false}) {
            StateferryException refusal = catchThrowableOfType(StateferryException.class, () -> {
                if (dry) {
                    owned.preview(confined, ImportProgress.NONE, new StopSignal());
                } else {
                    owned.run(confined, ImportProgress.NONE, new StopSignal());
                }
            });
            if (!(dry && swapped.equals("create"))) { // which makes nothing
                assertRefused(refusal, folder);
            }
        }
    }

    @Test
    void anImportThatIsRestartedOpensNothingElsewhere() throws Exception {
        ImportRequest confined = request("image").confinedTo(roots);
        ImportOutcome outcome = owned.run(confined, ImportProgress.NONE, new StopSignal());
        swap();

        assertRefused(
                catchThrowableOfType(
                        StateferryException.class,
                        () -> owned.restart(outcome.importId(), roots, ImportProgress.NONE, new StopSignal())),
                folder);
    }

    @ParameterizedTest
    @ValueSource(strings = {"image", "out", "domain"})
    void anExportThatWasInOrderIsRefusedWhenItsFilesAreOpened(String swapped) throws Exception {
        Path image = root.resolve("sound").resolve("vm.qcow2");
        owned.run(request("nothing"), ImportProgress.NONE, new StopSignal());
        ExportRequest confined = new ExportRequest(
                        swapped.equals("image") ? folder.resolve("vm.qcow2") : image,
                        SnapshotSelection.one("saved", false),
                        (swapped.equals("out") ? folder : root).resolve("out"),
                        false,
                        null,
                        swapped.equals("domain")
                                ? new ExportRequest.Container.LibvirtDomain(folder.resolve("data.qcow2"))
                                : new ExportRequest.Container.Stream(),
                        Compression.NONE)
                .confinedTo(roots);
        swap();

        assertRefused(
                catchThrowableOfType(
                        StateferryException.class, () -> owned.export(confined, ImportProgress.NONE, new StopSignal())),
                folder);
        assertThat(root.resolve("out")).doesNotExist();
    }

    @Test
    void anImageThatIsLookedAtIsNotOpenedElsewhere() throws Exception {
        Path confined = roots.confine(folder.resolve("vm.qcow2"));
        swap();

        assertThat(roots.mayHold(confined)).isFalse();
        assertRefused(
                catchThrowableOfType(
                        StateferryException.class,
                        () -> OpenImages.openForReading(
                                confined, OpenImages.Locking.EXCLUSIVE, found -> roots.require(found, confined))),
                folder);
    }

    private ScheduledImport define(String fields, Runnable afterwards) throws Exception {
        Path file = Files.writeString(root.resolve("job" + count++ + ".yaml"), fields);
        List<DefinitionMistake> mistakes = new ArrayList<>();
        JobDefinition definition = JobDefinitionReader.read(file, UnaryOperator.identity(), roots, mistakes)
                .orElseThrow(() -> new AssertionError(mistakes));
        ServiceParts.Imports imports = new ServiceParts.Imports() {
            @Override
            public ImportOutcome run(ImportRequest request, ImportProgress progress, StopSignal stop)
                    throws StateferryException {
                ImportOutcome outcome = owned.run(request, progress, stop);
                afterwards.run();
                return outcome;
            }

            @Override
            public void preview(ImportRequest request, StopSignal stop) {}

            @Override
            public void forgetFailures(ImportRequest request) {}
        };
        Clock clock = Clock.systemUTC();
        return new ScheduledImport(
                definition,
                TestParts.of(
                        imports,
                        new ImportQueue(Runnable::run, clock),
                        home,
                        new StopSignal(),
                        clock,
                        new DoubtfulJvm(code -> {})),
                new ImportMetrics(new SimpleMeterRegistry(), definition.job()),
                Silence.notices(home));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{dump: FOLDER/vm.vmstate, image: SOUND/vm.qcow2, name: n}",
                "{dump: FOLDER/vm.vmstate, image: 'SOUND/{domain}.qcow2', name: n}",
                "{dump: SOUND/vm.vmstate, image: FOLDER/vm.qcow2, name: n}",
                "{dump: SOUND/vm.vmstate, image: SOUND/vm.qcow2, also: [FOLDER/data.qcow2], name: n}",
                "{dump: SOUND/vm.vmstate, image: FOLDER/new.qcow2, create: {size: 16M}, name: n}"
            })
    void aDefinitionThatWasInOrderFailsByName(String fields) throws Exception {
        String text = fields.replace("FOLDER", folder.toString())
                .replace("SOUND", root.resolve("sound").toString());
        ScheduledImport scheduled = define(text, () -> {});
        swap();

        scheduled.fire(() -> {});

        assertThat(scheduled.lastRun()).hasValueSatisfying(run -> {
            assertThat(run.ending()).isEqualTo(Ending.FAILED);
            assertThat(run.message()).startsWith("usage: ").contains(folder.toString(), "leads out of the folders");
        });
    }

    @Test
    void anImportedDumpIsNotMovedElsewhere() throws Exception {
        Path dump = root.resolve("sound/vm.vmstate");
        ScheduledImport scheduled = define(
                "{dump: %s, image: %s, name: n, on-success: {action: move, folder: %s}}"
                        .formatted(dump, root.resolve("sound/vm.qcow2"), folder),
                this::swap);

        scheduled.fire(() -> {});

        assertThat(scheduled.lastRun())
                .hasValueSatisfying(run -> assertThat(run.ending()).isEqualTo(Ending.IMPORTED));
        assertThat(dump).exists();
    }

    @Test
    void anImportedDumpIsNotDeletedElsewhere() throws Exception {
        ScheduledImport scheduled = define(
                "{dump: %s, image: %s, name: n, options: {verify: true}, on-success: {action: delete}}"
                        .formatted(folder.resolve("vm.vmstate"), root.resolve("sound/vm.qcow2")),
                this::swap);

        scheduled.fire(() -> {});

        assertThat(scheduled.lastRun())
                .hasValueSatisfying(run -> assertThat(run.ending()).isEqualTo(Ending.IMPORTED));
        assertThat(root.resolve("moved/vm.vmstate")).exists();
    }
}
