package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.MappedStateBuilder;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.Qcow2ImageBuilder;

/** What {@code verify} says of the streams that snapshots hold. */
class VerifyStreamTest {
    private static final int MIB = 1 << 20;
    private static final int PAGE_SIZE = 4096;
    /** Of the first block's bitmap, from the name of the block on: used length, and QEMU's header of 28 bytes. */
    private static final int BITMAP_BEHIND_NAME = 8 + 28;

    @TempDir
    Path folder;

    private InThisJvm program;

    @BeforeEach
    void start() {
        program = new InThisJvm(folder.resolve("home"));
    }

    private CommandResult verify(byte[] state, String... options) {
        Path image = folder.resolve("vm.qcow2");
        Qcow2ImageBuilder.version3(16, 4, 10 * MIB)
                .savevm("saved", state)
                .build()
                .saveTo(image);
        List<String> words = new ArrayList<>(List.of("verify", image.toString()));
        words.addAll(Arrays.asList(options));
        return program.run(words.toArray(String[]::new));
    }

    /** A state with three pages, of which the second is zero. */
    private static byte[] mapped() {
        byte[] page = new byte[PAGE_SIZE];
        Arrays.fill(page, (byte) 1);
        return new MappedStateBuilder(PAGE_SIZE)
                .block("pc.ram", Arrays.asList(page, null, page), (byte) 0)
                .build();
    }

    private void assertRefused(byte[] state, String reason) {
        CommandResult result = verify(state);
        assertThat(result.exitCode()).as(result.toString()).isEqualTo(14);
        assertThat(result.stderr())
                .contains("the state of snapshot \"saved\" cannot be loaded, by what its byte ")
                .contains(reason)
                .contains("next: Save or import the state again");
        assertThat(verify(state, "--json").stdout()).contains("\"kind\":\"verification\"");

        verify(state, "--format", "opaque").requireSuccess();
    }

    private static byte[] with(byte[] state, int at, int mask) {
        byte[] changed = state.clone();
        changed[at] ^= (byte) mask;
        return changed;
    }

    private static int bitmap(byte[] state) {
        String text = new String(state, 0, 1000, StandardCharsets.ISO_8859_1);
        return text.indexOf("pc.ram") + "pc.ram".length() + BITMAP_BEHIND_NAME;
    }

    @Test
    void whatQemuLoadsIsSound() {
        verify(MigrationStreamBuilder.valid().build()).requireSuccess();
        verify(mapped()).requireSuccess();
        verify(mapped(), "--sample", "10").requireSuccess();
        verify(new byte[] {'n', 'o', ' ', 's', 't', 'r', 'e', 'a', 'm'}).requireSuccess();
    }

    @Test
    void aPlainStreamIsFollowedToItsEnd() {
        byte[] stream = MigrationStreamBuilder.valid().build();
        String text = new String(stream, StandardCharsets.ISO_8859_1);

        assertRefused(Arrays.copyOf(stream, stream.length - 1), "cut off");
        assertRefused(with(stream, text.indexOf("\u0003ram") - 5, 0x40), "section");
    }

    @Test
    void ofOneWithMappedRamThePlacesTheBitmapsAndTheSectionsAreLookedAt() {
        byte[] state = mapped();
        int bitmap = bitmap(state);
        int pagesOffsetEnd = bitmap - 1;

        assertRefused(with(state, bitmap, 0x10), "bitmap");
        assertRefused(with(state, pagesOffsetEnd, 0x10), "no multiple of 1048576");
        assertRefused(with(state, MIB + 3 * PAGE_SIZE + 9, 0x40), "section");
        assertRefused(Arrays.copyOf(state, MIB + 2 * PAGE_SIZE), "cut off");
    }
}
