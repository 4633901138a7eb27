package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.FileRoots;
import org.stateferry.testing.LibvirtSaveBuilder;

class NamePatternTest {
    private static final Instant MODIFIED = Instant.parse("2026-11-22T23:05:09Z");

    @TempDir
    Path folder;

    private static DumpFacts dump(Instant modified) {
        return new DumpFacts(Path.of("/dumps/vm.7.save"), modified, FileRoots.ANYWHERE);
    }

    @ParameterizedTest
    @CsvSource({
        "nightly-{yyyyMMdd-HHmmss}, nightly-20261122-230509",
        "{yyyy}/{DDD} a$1, 2026/326 a$1",
        "{stem}@{yyyy} of {file}, vm.7@2026 of vm.7.save",
        "constant, constant"
    })
    void placesTheDumpsTimeInUtc(String pattern, String expected) throws Exception {
        assertThat(NamePattern.parse(pattern).nameFor(dump(MODIFIED))).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({
        "/images/vm.qcow2, /images",
        "/images/{domain}.qcow2, /images",
        "/images/of-{domain}/vm.qcow2, /images",
        "/images/{domain}/vm.qcow2, /images"
    })
    void tellsTheFolderThatIsTheSameForAllDumps(String pattern, Path expected) {
        assertThat(NamePattern.parsePath(pattern).folder()).contains(expected);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{yyyy",
                "yyyy}",
                "{{yyyy}}",
                "{nonsense}",
                "{}",
                " ",
                "{ypyyMMdd-HHmmss}", // a ClassCastException in the JDK
                "{pH}", // a name until nine in the morning
                "{[yyyy]}",
                "{VVV}",
                "a\0b",
                "half \ud83d",
                "half \ude00{yyyy}"
            })
    void refusesWhatGivesNoName(String pattern) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> NamePattern.parse(pattern))
                .satisfies(refusal -> assertThat(refusal.getMessage()).doesNotContain("java."));
    }

    @Test
    void refusesANameThatNoImageTakes() throws Exception {
        assertThat(NamePattern.parse("{yyyy}" + "é".repeat(124)).nameFor(dump(MODIFIED)))
                .endsWith("é");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> NamePattern.parse("{yyyy}" + "é".repeat(126)))
                .withMessageContaining("256 bytes");
    }

    /** Whatever is written between braces is refused when it is read, or gives a name for every time a file can have. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void aPatternThatIsReadNamesEveryDump(long seed) {
        Random random = new Random(seed);
        int read = 0;
        for (int i = 0; i < 5000; i++) {
            String text = "{" + letters(random) + "}";
            NamePattern pattern;
            try {
                pattern = NamePattern.parse(text);
            } catch (IllegalArgumentException e) {
                continue;
            }
            read++;
            Instant modified =
                    Instant.ofEpochSecond(random.nextLong() % 4_000_000_000_000L, random.nextInt(1_000_000_000));
            assertThatCode(() -> pattern.nameFor(dump(modified)))
                    .as("%s at %s, seed %d", text, modified, seed)
                    .doesNotThrowAnyException();
        }
        assertThat(read).isGreaterThan(100);
    }

    private static String letters(Random random) {
        String all = "GuyDMLdQqYwWEecFaBhKkHmsSAnNVvzOXxZp[]'.-_ g";
        StringBuilder pattern = new StringBuilder();
        for (int run = random.nextInt(5); run >= 0; run--) {
            pattern.append(
                    String.valueOf(all.charAt(random.nextInt(all.length()))).repeat(1 + random.nextInt(5)));
        }
        return pattern.toString();
    }

    /** As far as file systems go, and so far that it has no date in UTC. */
    @ParameterizedTest
    @ValueSource(longs = {Long.MIN_VALUE, Long.MAX_VALUE})
    void aTimeThatHasNoDateIsRefusedAsTheDumps(long seconds) throws Exception {
        Instant modified = FileTime.from(seconds, TimeUnit.SECONDS).toInstant();
        DumpFacts dump = new DumpFacts(Path.of("vm.dump"), modified, FileRoots.ANYWHERE);

        for (String pattern : List.of("{yyyyMMdd}", "{file}-{HH}")) {
            assertThatThrownBy(() -> NamePattern.parse(pattern).nameFor(dump))
                    .isInstanceOfSatisfying(StateferryException.class, failure -> {
                        assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_UNFIT);
                        assertThat(failure.file()).isEqualTo(dump.path());
                        assertThat(failure.advice()).contains("touch");
                    });
        }
        assertThat(NamePattern.parse("{file}").nameFor(dump)).isEqualTo("vm.dump");
    }

    @Test
    void aDomainsNameIsReadFromTheDump() throws Exception {
        Path saved = Files.write(
                folder.resolve("saved"),
                LibvirtSaveBuilder.valid()
                        .domain("<domain><name>guest</name></domain>")
                        .build());
        DumpFacts dump = new DumpFacts(saved, MODIFIED, FileRoots.ANYWHERE);

        assertThat(NamePattern.parse("of {domain}").nameFor(dump)).isEqualTo("of guest");
        assertThat(NamePattern.parsePath("/images/{domain}.qcow2").pathFor(dump))
                .hasToString("/images/guest.qcow2");
    }

    @Test
    void aDumpThatTellsNoDomainIsRefused() throws Exception {
        Path plain = Files.writeString(folder.resolve("plain"), "no save file");

        StateferryException refusal = catchThrowableOfType(
                StateferryException.class,
                () -> NamePattern.parse("{domain}").nameFor(new DumpFacts(plain, MODIFIED, FileRoots.ANYWHERE)));

        assertThat(refusal.kind()).isEqualTo(FailureKind.DUMP_UNFIT);
        assertThat(refusal.file()).isEqualTo(plain);
    }

    /** Whoever may put a dump into a folder must not choose what it is written to. */
    @ParameterizedTest
    @ValueSource(strings = {"..", "../../etc/passwd", "a/b", ".hidden", " ", "a\nb"})
    void aDomainsNameLeadsNowhereElse(String domain) throws Exception {
        Path saved = Files.write(
                folder.resolve("saved"),
                LibvirtSaveBuilder.valid()
                        .domain("<domain><name>" + domain + "</name></domain>")
                        .build());

        StateferryException refusal = catchThrowableOfType(
                StateferryException.class,
                () -> NamePattern.parsePath("/images/{domain}")
                        .pathFor(new DumpFacts(saved, MODIFIED, FileRoots.ANYWHERE)));

        assertThat(refusal.kind()).isEqualTo(FailureKind.DUMP_UNFIT);
    }
}
