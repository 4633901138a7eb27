package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.micrometer.observation.ObservationRegistry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.repository.JobRepository;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.image.FileAccess;
import org.stateferry.importer.image.JournalFiles;
import org.stateferry.importer.image.PartName;
import org.stateferry.journal.BufferRecord;
import org.stateferry.journal.Journal;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.MetadataCheck;
import org.stateferry.qcow2.NewImage;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.vmstate.VmStateReader;
import org.stateferry.repository.ImportRecord;
import org.stateferry.repository.RunningImports;
import org.stateferry.source.DumpChoice;
import org.stateferry.source.DumpFormat;
import org.stateferry.source.RamLayout;
import org.stateferry.source.codec.Codec;
import org.stateferry.storage.IoMode;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.Compressed;
import org.stateferry.testing.MappedStateBuilder;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.TickerDump;
import org.stateferry.transfer.TransferObserver;

/**
 * The real import job in this process: a copy of the demo's disk, a dump, a real repository, and whatever a test puts
 * between. While an import runs, a test must not open the image: closing it again would drop the import's lock.
 */
public final class ImportBench implements ImportProgress {
    /** When dump and image were last modified, unless a test says otherwise. */
    static final Instant SAVED_AT = Instant.parse("2026-01-02T03:04:05Z");

    public static final int MIB = 1024 * 1024;

    private static final Path DEMO = Path.of("src/demo");
    private static final ExecutorService WRITERS = Executors.newFixedThreadPool(8, task -> {
        Thread thread = new Thread(task, "bench-write");
        thread.setDaemon(true);
        return thread;
    });

    private final StateferryHome home;
    private BatchContext context;
    private final Path image;
    private final Path dump;
    private boolean opaque;
    /** The stream if the dump holds it compressed, else null. */
    private byte @Nullable [] stream;

    private final List<Path> otherDisks = new ArrayList<>();

    /** What the runs so far have said; a test may clear them. */
    public final List<String> notices = new ArrayList<>();

    final List<String> warnings = new ArrayList<>();
    final List<String> steps = new ArrayList<>();

    // What the next runs meet.
    public StopSignal stop = new StopSignal();
    FileAccess access = FileAccess.PLAIN;

    @Nullable
    JobRepository repository;

    public LongConsumer onTransferred = bytes -> {};
    LongConsumer onWarning = count -> {};
    Runnable onPublish = () -> {};
    Runnable onPrepare = () -> {};
    /** Runs the writes. */
    Executor writers = WRITERS;

    /** Whether the snapshot is there and gets its state. */
    boolean into;

    boolean strict;
    boolean verify;
    boolean lock = true;
    IoMode io = IoMode.AUTO;
    Compression compression = Compression.NONE;
    RamLayout ramLayout = RamLayout.PLAIN;

    @Nullable
    NewImage newImage;

    /** Copies the demo's disk and dump into a new folder. */
    public ImportBench(StateferryHome home, BatchContext context, Path folder) throws IOException {
        this.home = home;
        this.context = context;
        Path own = Files.createTempDirectory(folder, "bench").toRealPath();
        image = own.resolve("disk.qcow2");
        dump = own.resolve("vm.dump");
        Files.copy(DEMO.resolve("ticker.qcow2"), image);
        Files.copy(DEMO.resolve("ticker.vmstate"), dump);
        setTimes(SAVED_AT);
    }

    /** Puts random bytes in the dump's place, which are then imported as they are. */
    public ImportBench withOpaqueDump(int size, long seed) throws IOException {
        return withOpaqueDump(ClusterContent.stream(size, seed));
    }

    /** Puts these bytes in the dump's place. */
    public ImportBench withOpaqueDump(byte[] bytes) throws IOException {
        Files.write(dump, bytes);
        opaque = true;
        setTimes(SAVED_AT);
        return this;
    }

    /** Puts random bytes in the dump's place, and behind them a hole up to {@code size}. */
    ImportBench withSparseDump(long size, int dataSize, long seed) throws IOException {
        withOpaqueDump(dataSize, seed);
        try (FileChannel channel = FileChannel.open(dump, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(1), size - 1);
        }
        setTimes(SAVED_AT);
        return this;
    }

    /** Puts a state whose RAM lies at fixed places in the dump's place, with holes where whole mebibytes are zeros. */
    ImportBench withMappedDump(MappedStateBuilder state) throws IOException {
        byte[] bytes = state.build();
        try (FileChannel channel = FileChannel.open(
                dump, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            for (int at = 0; at < bytes.length; at += MIB) {
                ByteBuffer piece = ByteBuffer.wrap(bytes, at, Math.min(MIB, bytes.length - at));
                if (!ZeroBytes.isZero(ByteBuffer.wrap(bytes), at, piece.remaining())) {
                    channel.write(piece, at);
                }
            }
        }
        setTimes(SAVED_AT);
        return this;
    }

    /** Puts a stream in the dump's place of which an import makes other bytes. */
    ImportBench withDump(byte[] bytes, byte[] imported) throws IOException {
        Files.write(dump, bytes);
        stream = imported;
        setTimes(SAVED_AT);
        return this;
    }

    /** Makes the demo's dump longer by so many mebibytes, still a stream that is checked. */
    ImportBench withInflatedDump(int mebibytes, long seed) throws IOException {
        TickerDump.inflated(DEMO.resolve("ticker.vmstate"), dump, mebibytes, seed);
        setTimes(SAVED_AT);
        return this;
    }

    /** Compresses the dump; it still holds what {@link #assertHolds} compares with. */
    ImportBench compressed(Codec codec) throws IOException {
        stream = Files.readAllBytes(dump);
        Files.write(dump, Compressed.with(codec, stream));
        setTimes(SAVED_AT);
        return this;
    }

    /** Takes the image away; imports make one like this instead. */
    ImportBench withNewImage(long size, int clusterSize) throws IOException {
        Files.deleteIfExists(image);
        newImage = new NewImage(size, clusterSize);
        return this;
    }

    /** Where a new image lies until it is complete. */
    Path part() {
        return PartName.of(image);
    }

    /** Gives the guest one more disk, with the same content. */
    ImportBench withOtherDisk() throws IOException {
        otherDisks.add(
                Files.copy(DEMO.resolve("ticker.qcow2"), image.resolveSibling("other" + otherDisks.size() + ".qcow2")));
        setTimes(SAVED_AT);
        return this;
    }

    /** What the next imports get as other disks; a test may change it. */
    List<Path> otherDisks() {
        return otherDisks;
    }

    public Path image() {
        return image;
    }

    Path dump() {
        return dump;
    }

    Path journal() throws IOException {
        return JournalFiles.pathFor(home, image.getParent().toRealPath().resolve(image.getFileName()));
    }

    /** From now on this repository is asked. */
    ImportBench in(BatchContext other) {
        context = other;
        return this;
    }

    void setTimes(Instant time) throws IOException {
        TestFiles.setTime(dump, time);
        TestFiles.setTime(image, time);
        for (Path disk : otherDisks) {
            TestFiles.setTime(disk, time);
        }
    }

    /** As if an unfinished import had last written to an image when the dump was saved. */
    void makeOld(Path unfinished) throws IOException {
        long savedAt = SAVED_AT.toEpochMilli();
        try (Journal journal =
                Journal.open(JournalFiles.pathFor(home, unfinished)).orElseThrow()) {
            for (long index = 0; index < journal.plan().bufferCount(); index++) {
                Optional<BufferRecord> buffer = journal.buffer(index);
                if (buffer.isPresent()) {
                    BufferRecord then = buffer.get();
                    journal.recordBuffer(
                            new BufferRecord(index, then.storedSize(), then.checksum(), savedAt, then.entries()));
                }
            }
            journal.recordWrite(savedAt);
        }
        TestFiles.setTime(unfinished, SAVED_AT);
    }

    ImportRequest request(String name) {
        ImportOptions options = new ImportOptions(
                new DumpChoice(opaque ? DumpFormat.OPAQUE : DumpFormat.AUTO, 0, ramLayout, List.of()),
                io,
                compression,
                strict,
                false,
                lock,
                verify,
                0);
        return new ImportRequest(dump, image, name, into, otherDisks, newImage, options);
    }

    /** What imports into any image, between it and its files what this bench says. */
    ImportService service() {
        JobRepository used = repository == null ? context.jobRepository() : repository;
        ImportJob jobs = new ImportJob(
                used, writers, TransferObserver.NONE, context.statusFile(), ObservationRegistry.NOOP, List.of());
        return new ImportService(
                home,
                used,
                context.jobOperator(),
                jobs,
                context.statusFile(),
                access,
                context.bean(RunningImports.class));
    }

    /** Imports with success; afterwards the image can be locked again. */
    public ImportOutcome run(String name) throws StateferryException {
        ImportOutcome outcome = service().run(request(name), this, stop);
        assertReleased();
        return outcome;
    }

    /** Imports without success; afterwards the image can be locked again. */
    public StateferryException fail(String name) throws StateferryException {
        StateferryException failure = catchThrowableOfType(StateferryException.class, () -> run(name));
        assertThat(failure).as("the import of " + name + " fails").isNotNull();
        assertReleased();
        return failure;
    }

    /** Stops an import when so many bytes have been handed to the write path; returns its ID. */
    public long stopped(String name, long bytes) throws StateferryException {
        stopAt(bytes);
        assertThat(fail(name).kind()).isEqualTo(FailureKind.INTERRUPTED);
        undisturbed();
        return records().get(0).id();
    }

    private void assertReleased() throws StateferryException {
        List<Path> files = new ArrayList<>(List.of(image, part()));
        files.addAll(otherDisks);
        for (Path file : files) {
            if (Files.exists(file)) {
                OpenImages.openForUpdate(file, OpenImages.Locking.EXCLUSIVE).close();
            }
        }
    }

    /** From now on nothing is between the import and its files, and nobody stops it. */
    public ImportBench undisturbed() {
        stop = new StopSignal();
        access = FileAccess.PLAIN;
        repository = null;
        onTransferred = bytes -> {};
        onWarning = count -> {};
        onPublish = () -> {};
        onPrepare = () -> {};
        notices.clear();
        warnings.clear();
        steps.clear();
        return this;
    }

    /** Lets the next run be stopped when so many bytes have been handed to the write path. */
    ImportBench stopAt(long bytes) {
        onTransferred = done -> {
            if (done >= bytes) {
                stop.request();
            }
        };
        return this;
    }

    /** The history's only record of this image. */
    public ImportRecord record() {
        List<ImportRecord> records = records();
        assertThat(records).hasSize(1);
        return records.get(0);
    }

    /** The history's records of this image, newest first. */
    public List<ImportRecord> records() {
        return context.history().list().stream()
                .filter(record -> record.image().equals(image.toString()))
                .toList();
    }

    /** A failure at a place of the image. */
    public StateferryException injected(FailureKind kind, long offset, String problem) {
        return StateferryException.at(kind, image(), offset, problem);
    }

    /** The history says that the last attempt failed, and tells this failure. */
    public void assertRecorded(StateferryException failure) {
        ImportRecord record = record();
        assertThat(record.status()).isEqualTo("FAILED");
        assertThat(record.firstError())
                .isEqualTo(new ImportRecord.FirstError(
                        failure.kind().tag(),
                        image().toString(),
                        failure.offset() < 0 ? null : failure.offset(),
                        failure.problem()));
    }

    /** Without what disturbed it, the import completes. */
    public void assertNextRunCompletes() throws IOException, StateferryException {
        undisturbed();
        assertThat(run("saved").state()).isIn(ImportOutcome.State.IMPORTED, ImportOutcome.State.ALREADY_IMPORTED);
        assertHolds("saved");
        assertOldClustersUntouched();
        assertThat(record().status()).isEqualTo("COMPLETED");
    }

    /** The image is sound, has no leak, and holds the dump under this name; QEMU, where it is there, agrees. */
    public void assertHolds(String name) throws IOException {
        assertSound();
        byte[] expected = stream == null ? Files.readAllBytes(dump) : stream;
        try (OpenImage open = OpenImages.openForReading(image)) {
            Qcow2Image qcow2 = Qcow2Image.open(open.file());
            SnapshotTableEntry entry = qcow2.snapshotTable().findByName(name).orElseThrow();
            assertThat(entry.vmStateSize()).isEqualTo(expected.length);
            ByteBuffer actual = ByteBuffer.allocate(expected.length);
            new VmStateReader(qcow2, entry).read(actual, 0);
            assertThat(Arrays.equals(actual.array(), expected))
                    .as("vmstate equals the dump")
                    .isTrue();
        }
    }

    /** The image's structures agree, without a leak. */
    void assertSound() throws StateferryException {
        assertSound(image);
    }

    /** An image's structures agree, without a leak. */
    static void assertSound(Path image) throws StateferryException {
        assertChecked(image);
        if (QemuTools.isOnPath("qemu-img")) {
            QemuImg.CheckReport judged = QemuImg.check(image);
            assertThat(judged.isClean()).as(judged.output()).isTrue();
        }
    }

    /** The same by our own check alone, which takes no process. */
    static void assertChecked(Path image) throws StateferryException {
        try (OpenImage open = OpenImages.openForReading(image)) {
            CheckReport report = MetadataCheck.run(Qcow2Image.open(open.file()));
            assertThat(report.corruptions()).isEmpty();
            assertThat(report.leakCount()).isZero();
        }
    }

    List<String> snapshotNames() throws StateferryException {
        return snapshotNames(image);
    }

    static List<String> snapshotNames(Path image) throws StateferryException {
        try (OpenImage open = OpenImages.openForReading(image)) {
            return Qcow2Image.open(open.file()).snapshotTable().entries().stream()
                    .map(SnapshotTableEntry::nameText)
                    .toList();
        }
    }

    /**
     * All that the demo's disk reaches, which is every byte of it, is as it was. What may lie behind it is reached by
     * nothing.
     */
    public void assertOldImage() throws IOException {
        byte[] before = Files.readAllBytes(DEMO.resolve("ticker.qcow2"));
        byte[] now = Arrays.copyOf(Files.readAllBytes(image), before.length);
        assertThat(Arrays.mismatch(before, now)).as("first byte that differs").isEqualTo(-1);
        assertSound();
    }

    /** The old image, and its length as well. */
    void assertSpaceGivenBack() throws IOException {
        assertOldImage();
        assertThat(Files.size(image)).isEqualTo(Files.size(DEMO.resolve("ticker.qcow2")));
    }

    /** Only the header's first sector of the demo's disk differs: the guest's data lies where it lay. */
    void assertOldClustersUntouched() throws IOException {
        byte[] before = Files.readAllBytes(DEMO.resolve("ticker.qcow2"));
        byte[] now = Files.readAllBytes(image);
        assertThat(Arrays.mismatch(before, 512, before.length, now, 512, before.length))
                .isEqualTo(-1);
    }

    @Override
    public void stepStarted(String step) {
        steps.add(step);
        switch (step) {
            case "prepare" -> onPrepare.run();
            case "publish" -> onPublish.run();
            default -> {}
        }
    }

    @Override
    public void transferred(long bytesDone, long bytesTotal) {
        onTransferred.accept(bytesDone);
    }

    @Override
    public void notice(String line) {
        notices.add(line);
    }

    @Override
    public void warning(String line) {
        warnings.add(line);
        onWarning.accept(warnings.size());
    }
}
