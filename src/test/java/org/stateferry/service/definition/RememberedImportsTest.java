package org.stateferry.service.definition;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.MadeSnapshot;
import org.stateferry.storage.OpenImages.Locking;
import org.stateferry.testing.Effort;

/** With images whose snapshot tables the test makes up; that real ones are read is tested with the definitions. */
class RememberedImportsTest {
    private static final int MOST = Effort.isThorough() ? 100_000 : 2000;

    @TempDir
    Path folder;

    private StateferryHome home;
    private Path dump;
    private Path image;
    private final Map<Path, List<MadeSnapshot>> tables = new HashMap<>();
    private int reads;
    private boolean inUse;

    @BeforeEach
    void openHome() throws Exception {
        home = StateferryHome.open(folder.resolve("home"));
        dump = Files.writeString(folder.resolve("dump"), "state");
        image = Files.writeString(folder.resolve("image"), "disk");
    }

    private RememberedImports started() {
        return started(MOST);
    }

    private RememberedImports started(int entriesMax) {
        return new RememberedImports(home, entriesMax, (path, locking) -> {
            reads++;
            if (inUse) {
                throw StateferryException.in(FailureKind.IMAGE_IN_USE, path, "somebody has it");
            }
            return List.copyOf(tables.getOrDefault(path, List.of()));
        });
    }

    /** Puts a snapshot into an image, which is another file then. */
    private MadeSnapshot make(Path into, String id) throws Exception {
        MadeSnapshot made = new MadeSnapshot(into.toString(), id, "name", 1, 2, 3);
        tables.computeIfAbsent(into, path -> new ArrayList<>()).add(made);
        change(into);
        return made;
    }

    private static void change(Path file) throws Exception {
        Files.writeString(file, Files.readString(file) + "+");
    }

    private void remember(RememberedImports remembered, String wanted, MadeSnapshot... made) throws Exception {
        remembered.add(dump, FileMark.of(dump), wanted, "7", List.of(made));
    }

    private boolean isKnown(RememberedImports remembered, String wanted) throws Exception {
        return remembered
                .find(dump, FileMark.of(dump), wanted, Locking.EXCLUSIVE)
                .filter(message -> message.equals("snapshot 7 of " + image))
                .isPresent();
    }

    @Test
    void whatIsDoneIsKnownAfterARestartWithoutALookIntoTheImage() throws Exception {
        assertThat(isKnown(started(), "wanted")).isFalse();
        remember(started(), "wanted", make(image, "7"));

        assertThat(isKnown(started(), "wanted")).isTrue();
        assertThat(isKnown(started(), "something else")).isFalse();
        assertThat(reads).isZero();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(home.rememberedFile())))
                .isEqualTo("rw-------");
    }

    @Test
    void aDumpThatHasChangedIsNotKnown() throws Exception {
        FileMark before = FileMark.of(dump);
        RememberedImports remembered = started();
        remember(remembered, "wanted", make(image, "7"));
        change(dump);
        assertThat(isKnown(remembered, "wanted")).isFalse();

        remembered.add(dump, before, "another", "7", List.of(make(image, "7"))); // changed during its import
        assertThat(isKnown(remembered, "another")).isFalse();
    }

    @Test
    void anImageThatHasChangedIsLookedAtOnceForAllThatIsInIt() throws Exception {
        RememberedImports remembered = started();
        List<String> all = List.of("a", "b", "c");
        for (String wanted : all) {
            remember(remembered, wanted, make(image, wanted));
        }
        for (String wanted : all) {
            assertThat(isKnown(remembered, wanted)).isTrue();
        }
        for (String wanted : all) {
            assertThat(isKnown(started(), wanted)).isTrue();
        }
        assertThat(reads).isEqualTo(1);

        tables.get(image).remove(1); // somebody deletes the snapshot of b
        change(image);
        assertThat(isKnown(remembered, "a")).isTrue();
        assertThat(isKnown(remembered, "b")).isFalse();
        assertThat(isKnown(remembered, "c")).isTrue();
        assertThat(isKnown(started(), "b")).isFalse();
        assertThat(isKnown(started(), "c")).isTrue();
        assertThat(reads).isEqualTo(2);
    }

    @Test
    void whatIsUnderTheSameIdAndIsNotTheSameDoesNotCount() throws Exception {
        RememberedImports remembered = started();
        remember(remembered, "wanted", make(image, "7"));
        tables.put(image, List.of(new MadeSnapshot(image.toString(), "7", "name", 1, 2, 4)));
        change(image);

        assertThat(isKnown(remembered, "wanted")).isFalse();
    }

    @Test
    void allDisksMustHaveTheirSnapshots() throws Exception {
        Path other = Files.writeString(folder.resolve("other"), "disk");
        RememberedImports remembered = started();
        remember(remembered, "wanted", make(image, "7"), make(other, "1"));
        assertThat(isKnown(started(), "wanted")).isTrue();

        tables.get(other).clear();
        change(other);
        assertThat(isKnown(remembered, "wanted")).isFalse();
        assertThat(isKnown(started(), "wanted")).isFalse();
    }

    @Test
    void whatCannotBeLookedAtIsNotKnownAndNotForgotten() throws Exception {
        RememberedImports remembered = started();
        remember(remembered, "wanted", make(image, "7"));
        change(image);
        inUse = true;
        assertThat(isKnown(remembered, "wanted")).isFalse();
        inUse = false;
        assertThat(isKnown(remembered, "wanted")).isTrue();

        Files.delete(image);
        assertThat(isKnown(remembered, "wanted")).isFalse();
    }

    @Test
    void theOldestAreForgotten() throws Exception {
        MadeSnapshot made = make(image, "7");
        RememberedImports remembered = started(2);
        for (String wanted : List.of("a", "b", "a", "c")) {
            remember(remembered, wanted, made);
        }

        for (RememberedImports known : List.of(remembered, started(2))) {
            assertThat(isKnown(known, "a")).isTrue();
            assertThat(isKnown(known, "b")).isFalse();
            assertThat(isKnown(known, "c")).isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{", "[]", "null", "{\"entries\": []}", "{\"done\": \"x\"}", "{\"image\": \"x\"}"})
    void aDamagedLineCostsWhatItSaidAndNothingElse(String damaged) throws Exception {
        remember(started(), "before", make(image, "7"));
        Files.writeString(home.rememberedFile(), Files.readString(home.rememberedFile()) + damaged + "\n");

        RememberedImports remembered = started();
        assertThat(isKnown(remembered, "before")).isTrue();
        remember(remembered, "after", make(image, "8"));
        assertThat(isKnown(started(), "before")).isTrue();
        assertThat(isKnown(started(), "after")).isTrue();
    }

    /** With a file that is written anew for each of them this would be two terabytes. */
    @Test
    @Timeout(600)
    void manyAreKeptAtTheCostOfALineEach() throws Exception {
        RememberedImports remembered = started();
        MadeSnapshot made = make(image, "7");
        FileMark mark = FileMark.of(dump);
        for (int i = 0; i < MOST; i++) {
            // As if each had an image of its own.
            remembered.add(dump, mark, "wanted " + i, "7", List.of(made));
            if (i == 0) {
                assertThat(Files.size(home.rememberedFile())).isLessThan(500);
            }
        }
        assertThat(Files.size(home.rememberedFile())).isLessThan(500L * MOST);

        RememberedImports later = started();
        assertThat(isKnown(later, "wanted 0")).isTrue();
        assertThat(isKnown(later, "wanted " + (MOST - 1))).isTrue();
        assertThat(reads).isZero();
        for (int i = 0; i < 2 * MOST; i++) { // the same ones over and over do not make it grow
            later.add(dump, mark, "wanted " + i % 10, "7", List.of(made));
        }
        assertThat(Files.size(home.rememberedFile())).isLessThan(3 * 500L * MOST);
    }
}
