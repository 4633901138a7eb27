package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.cli.InThisJvm;
import org.stateferry.source.DumpContent;
import org.stateferry.source.DumpInspection;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.CommandRunner;
import org.stateferry.testing.Corpus;
import org.stateferry.testing.Launcher;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.QemuVm;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.RunningCommand;

/** Real saved states of several QEMU versions, among them a Linux guest. Needs the corpus; skipped without it. */
class CorpusIT {
    /** What the manifest says in place of a command line. */
    private static final String MUST_BE_REFUSED = "(must be refused)";

    private static final Pattern WORD = Pattern.compile("'([^']*)'|(\\S+)");
    private static final Pattern TICK = Pattern.compile("tick (\\d+)\r?\n");
    /** Options of a recorded command line that the test sets itself; the second kind has a value. */
    private static final Set<String> OWN_FLAGS = Set.of("-nodefaults", "-nographic");

    private static final Set<String> OWN_OPTIONS = Set.of("-accel", "-serial");

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"none", "image"})
    void aLinuxGuestGoesOnCountingHoweverItsStateIsStored(String compression) throws Exception {
        QemuTools.assumeAvailable();
        Corpus corpus = Corpus.assumeAvailable();
        Corpus.Entry guest = corpus.entry("a_q35_linux.vmstate").orElseThrow();
        Path dump = corpus.unpack(guest, directory);
        Path disk = diskOf(corpus, guest);
        long before = Files.size(disk);

        launcher().importDump(dump, disk, "linux", "--compress", compression).requireSuccess();

        Judge.assertClean(disk);
        double stored = (double) (Files.size(disk) - before) / Files.size(dump);
        assertThat(stored < 0.7).as("stored in %.2f of the dump's size", stored).isEqualTo(compression.equals("image"));
        try (QemuVm vm = QemuVm.start(directory, resumeArguments(corpus, guest, "linux"))) {
            String text = vm.awaitSerial("three ticks", serial -> ticks(serial).size() >= 3);
            int next = Integer.parseInt(guest.lastTick()) + 1;
            assertThat(ticks(text)).startsWith(next, next + 1, next + 2);
            vm.quit();
        }
        Judge.assertClean(disk);
    }

    @Test
    void everyPlainDumpOfAPcIsImported() {
        QemuTools.assumeAvailable();
        Corpus corpus = Corpus.assumeAvailable();
        for (Corpus.Entry entry : entries(corpus, CorpusIT::isPlainDumpOfAPc)) {
            Path dump = corpus.unpack(entry, directory);
            Path disk = diskOf(corpus, entry);
            String before = RawBytes.sha256(dump);

            program().importDump(dump, disk, "saved").requireSuccess();

            Judge.assertClean(disk);
            Judge.assertHolds(disk, "saved", dump);
            assertThat(RawBytes.sha256(dump)).as("%s afterwards", dump).isEqualTo(before);
        }
    }

    @Test
    void everySaveFileOfLibvirtIsImported() throws Exception {
        QemuTools.assumeAvailable();
        Corpus corpus = Corpus.assumeAvailable();
        for (Corpus.Entry entry : entries(corpus, CorpusIT::isStreamSavedByLibvirt)) {
            Path save = corpus.unpack(entry, directory);
            Path disk = corpus.unpack(
                    corpus.entry(entry.unpackedName().replaceFirst("\\.save$", ".qcow2"))
                            .orElseThrow(),
                    directory);
            long payload = ((DumpContent.LibvirtSave) DumpInspection.inspect(save))
                    .header()
                    .payloadOffset();
            String codec = entry.kind().substring("libvirt-".length());
            Path stream = directory.resolve(entry.unpackedName() + ".stream");
            RunningCommand.run(
                            Duration.ofMinutes(10),
                            List.of(
                                    "sh",
                                    "-c",
                                    "tail -c +" + (payload + 1) + " " + save
                                            + (codec.equals("raw") ? "" : " | " + codec + " -dc") + " > " + stream))
                    .requireSuccess();

            program().importDump(save, disk, "saved").requireSuccess();

            Judge.assertClean(disk);
            Judge.assertHolds(disk, "saved", stream);
        }
    }

    @Test
    void everyDamagedDumpIsRefused() {
        QemuTools.assumeAvailable();
        Corpus corpus = Corpus.assumeAvailable();
        Path disk = directory.resolve("disk.qcow2");
        QemuImg.create(disk, "64M");
        String before = RawBytes.sha256(disk);
        for (Corpus.Entry entry : entries(corpus, entry -> entry.resumeCommand().equals(MUST_BE_REFUSED))) {
            CommandResult result = program().importDump(corpus.unpack(entry, directory), disk, "saved");

            Judge.assertRefused(result, 10);
            assertThat(RawBytes.sha256(disk)).as("the disk after %s", entry).isEqualTo(before);
        }
    }

    private Launcher launcher() {
        return new Launcher(home());
    }

    private CommandRunner program() {
        return new InThisJvm(home());
    }

    private Path home() {
        return directory.resolve("home");
    }

    private static boolean isStreamSavedByLibvirt(Corpus.Entry entry) {
        return entry.kind().startsWith("libvirt-") && !entry.kind().equals("libvirt-sparse");
    }

    /** The Linux guest has its own test. */
    private static boolean isPlainDumpOfAPc(Corpus.Entry entry) {
        return entry.kind().equals("plain")
                && entry.machine().startsWith("pc-")
                && !entry.file().contains("linux");
    }

    private static List<Corpus.Entry> entries(Corpus corpus, Predicate<Corpus.Entry> condition) {
        List<Corpus.Entry> entries = corpus.entries().stream().filter(condition).toList();
        assertThat(entries).as("entries of the manifest that fit").isNotEmpty();
        return entries;
    }

    /** The disk that goes with a dump; an empty one for a guest that never wrote to its own. */
    private Path diskOf(Corpus corpus, Corpus.Entry entry) {
        String name = entry.unpackedName().replaceFirst("\\.vmstate$", ".qcow2");
        return corpus.entry(name).map(disk -> corpus.unpack(disk, directory)).orElseGet(() -> {
            Path disk = directory.resolve(name);
            QemuImg.create(disk, "64M");
            return disk;
        });
    }

    /** The manifest's command line without the program and without what the test sets itself. */
    private static List<String> resumeArguments(Corpus corpus, Corpus.Entry entry, String snapshot) {
        List<String> words = WORD.matcher(entry.resumeCommand())
                .results()
                .map(CorpusIT::unquoted)
                .toList();
        List<String> arguments = new ArrayList<>();
        for (int i = 1; i < words.size(); i++) {
            String word = words.get(i);
            if (OWN_OPTIONS.contains(word)) {
                i++;
            } else if (word.equals("NAME")) {
                arguments.add(snapshot);
            } else if (word.startsWith("vmlinuz") || word.startsWith("ird")) {
                arguments.add(corpus.path(word).toString());
            } else if (!OWN_FLAGS.contains(word)) {
                arguments.add(word);
            }
        }
        return arguments;
    }

    private static String unquoted(MatchResult word) {
        return word.group(1) != null ? word.group(1) : word.group(2);
    }

    private static List<Integer> ticks(String serial) {
        return TICK.matcher(serial)
                .results()
                .map(match -> Integer.parseInt(match.group(1)))
                .toList();
    }
}
