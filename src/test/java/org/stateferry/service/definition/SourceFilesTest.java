package org.stateferry.service.definition;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.importer.FileRoots;
import org.stateferry.testing.HoldingProcess;

/** What a folder of dumps has to offer, which of them are complete, and what becomes of them. */
class SourceFilesTest {
    private static final Duration SETTLED = Duration.ofSeconds(30);

    @TempDir
    Path folder;

    private Path dump;
    private Instant written;

    @BeforeEach
    void write() throws Exception {
        dump = Files.writeString(folder.resolve("vm.save"), "state");
        written = FileMark.of(dump).latest();
    }

    private SourceRule rule(String... include) {
        return new SourceRule(folder, true, List.of(include), SETTLED);
    }

    @Test
    void aFolderOffersItsFilesThatMatchAndAreComplete() throws Exception {
        Path other = Files.writeString(folder.resolve("b.dump"), "state");
        Files.writeString(folder.resolve("b.txt"), "none");
        Files.writeString(folder.resolve(".part.save"), "not complete");
        Files.createDirectory(folder.resolve("sub.save"));

        assertThat(rule("*.save", "?.dump").files()).containsExactly(other, dump);
        assertThat(rule("nothing*").files()).isEmpty();
    }

    @Test
    void aFolderThatIsNotThereIsAFailureAndAFileIsNot() throws Exception {
        SourceRule gone = new SourceRule(folder.resolve("gone"), true, List.of("*"), SETTLED);
        assertThatExceptionOfType(IOException.class).isThrownBy(gone::files);
        assertThat(SourceRule.file(folder.resolve("gone")).files()).isEmpty();
    }

    @Test
    void aPatternIsForNamesOnly() {
        for (String none : List.of("a/b", "", "[")) {
            assertThatIllegalArgumentException().isThrownBy(() -> SourceRule.requirePattern(none));
        }
    }

    @Test
    void aFileSettlesWhenItsTimesAreOldEnough() throws Exception {
        SettledFiles settled = new SettledFiles(SETTLED);
        FileMark mark = FileMark.of(dump);

        assertThat(settled.isSettled(dump, mark, written.plusSeconds(29))).isFalse();
        assertThat(settled.isSettled(dump, mark, written.plusSeconds(30))).isTrue();
    }

    /** Such as one that a copy has given the times of its original. */
    @Test
    void anOldModificationTimeDoesNotHideThatAFileIsNew() throws Exception {
        Files.setLastModifiedTime(dump, FileTime.from(Instant.EPOCH));
        FileMark mark = FileMark.of(dump);

        assertThat(new SettledFiles(SETTLED).isSettled(dump, mark, mark.changed()))
                .isFalse();
    }

    @Test
    void whereTheClockOfTheFilesIsAheadItIsWatched() throws Exception {
        Instant behind = written.minus(Duration.ofDays(1));
        SettledFiles settled = new SettledFiles(SETTLED);

        assertThat(settled.isSettled(dump, FileMark.of(dump), behind)).isFalse();
        assertThat(settled.isSettled(dump, FileMark.of(dump), behind.plusSeconds(30)))
                .isTrue();

        Files.writeString(dump, "more of the state");
        assertThat(settled.isSettled(dump, FileMark.of(dump), behind.plusSeconds(31)))
                .isFalse();
        assertThat(settled.isSettled(dump, FileMark.of(dump), behind.plusSeconds(61)))
                .isTrue();
    }

    @Test
    void aFileThatAProcessHasOpenForWritingHasNotSettled() throws Exception {
        assumeTrue(Files.isDirectory(Path.of("/proc/self/fd")), "this system lists no descriptors");
        FileMark mark = FileMark.of(dump);
        Instant later = written.plusSeconds(3600);
        SettledFiles settled = new SettledFiles(SETTLED);
        try (HoldingProcess writer = HoldingProcess.start(dump, ">>")) {
            assertThat(writer.pid()).isPositive();
            assertThat(settled.isSettled(dump, mark, later)).isFalse();
        }
        assertThat(settled.isSettled(dump, mark, later)).isTrue();
    }

    @Test
    void whatIsImportedCanBeMovedAndNeverReplacesAFile() throws Exception {
        Path done = Files.createDirectory(folder.resolve("done"));
        OnSuccess move = new OnSuccess(OnSuccess.Action.MOVE, done);
        assertThat(move.apply(dump, FileMark.of(dump), FileRoots.ANYWHERE)).isTrue();
        assertThat(done.resolve("vm.save")).hasContent("state");
        assertThat(dump).doesNotExist();

        Files.writeString(dump, "tomorrow's");
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> move.apply(dump, FileMark.of(dump), FileRoots.ANYWHERE))
                .withMessageContaining("there is such a file already");
        assertThat(dump).hasContent("tomorrow's");
        assertThat(done.resolve("vm.save")).hasContent("state");
        assertThat(rule("*").files()).containsExactly(dump);
    }

    /** The four moments at which a process can end while a dump is moved. */
    @ParameterizedTest
    @ValueSource(strings = {"both names", "our name", "our name and the target", "the target"})
    void aMoveThatAProcessLeftUnfinishedIsDoneByTheNextOne(String left) throws Exception {
        Path done = Files.createDirectory(folder.resolve("done"));
        OnSuccess move = new OnSuccess(OnSuccess.Action.MOVE, done);
        FileMark imported = FileMark.of(dump);
        Path aside = Files.createLink(folder.resolve(".stateferry-vm.save"), dump);
        Path target = done.resolve("vm.save");
        if (!left.equals("both names")) {
            Files.delete(dump);
        }
        if (left.contains("target")) {
            Files.createLink(target, aside);
        }
        if (left.equals("the target")) {
            Files.delete(aside);
        }

        for (SourceRule source : List.of(rule("*.dump"), rule("*.save"), SourceRule.file(dump))) {
            move.undoUnfinished(source, FileRoots.ANYWHERE);
        }
        if (!left.equals("the target")) {
            assertThat(dump).hasContent("state");
            assertThat(move.apply(dump, imported, FileRoots.ANYWHERE)).isTrue();
        }

        assertThat(target).hasContent("state");
        assertThat(folder)
                .isDirectoryNotContaining(file -> file.getFileName().toString().endsWith(".save"));
    }

    @Test
    void anotherFileThatHasTheNameMeanwhileIsNotReplaced() throws Exception {
        Path aside = Files.writeString(folder.resolve(".stateferry-vm.save"), "yesterday's");

        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() ->
                        new OnSuccess(OnSuccess.Action.DELETE, null).undoUnfinished(rule("*"), FileRoots.ANYWHERE))
                .withMessageContaining("there is such a file already");
        assertThat(dump).hasContent("state");
        assertThat(aside).hasContent("yesterday's");
    }

    @Test
    void whatIsImportedCanBeDeletedButNotWhatHasTakenItsPlace() throws Exception {
        OnSuccess delete = new OnSuccess(OnSuccess.Action.DELETE, null);
        FileMark imported = FileMark.of(dump);
        Files.move(dump, folder.resolve("elsewhere"));
        Files.writeString(dump, "other");
        assertThat(delete.apply(dump, imported, FileRoots.ANYWHERE)).isFalse();
        assertThat(dump).hasContent("other");

        assertThat(delete.apply(dump, FileMark.of(dump), FileRoots.ANYWHERE)).isTrue();
        assertThat(dump).doesNotExist();
    }

    @Test
    void aMarkChangesWithEveryWrite() throws Exception {
        FileMark before = FileMark.of(dump);
        try (FileChannel channel = FileChannel.open(dump, StandardOpenOption.WRITE)) {
            channel.write(java.nio.ByteBuffer.wrap(new byte[100]));
        }
        Files.setLastModifiedTime(dump, FileTime.from(before.modified()));

        assertThat(FileMark.of(dump)).isNotEqualTo(before);
    }
}
