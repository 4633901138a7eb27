package org.stateferry.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.MigrationStreamBuilder;

/** Sections that are left out of a stream. */
class SectionCutTest {
    @Test
    void aSectionGoesWithAllItsPartsAndTheRestStays() throws Exception {
        byte[] without = stream(false).vmDescription().build();
        byte[] with = stream(true).vmDescription().build();

        SectionCut.Result cut = cut(with, "pbs-state");

        assertThat(bytes(cut.content())).isEqualTo(without);
        assertThat(cut.sizes()).containsOnlyKeys("pbs-state").containsValue((long) with.length - without.length);
    }

    @Test
    void aDeviceGoesFromTheVmDescriptionTooWhereverItIsListed() throws Exception {
        for (String name : List.of("timer", "0000:00:01.0/virtio-blk", "globalstate")) {
            byte[] with = stream(false).globalState().vmDescription().build();

            StreamFile rest = cut(with, name).content();

            StreamSurvey.Result found = StreamSurvey.run(rest, 0, new StreamSurvey.Effort(false, Long.MAX_VALUE));
            assertThat(found.obstacle()).as(name).isNull();
            assertThat(found.damage()).as(name).isNull();
            assertThat(found.stream().length()).as(name).isEqualTo(rest.size());
            assertThat(found.stream().facts().devices()).as(name).hasSize(2).doesNotContainKey(name);
            StreamChecker check = new StreamChecker(found.stream());
            check.accept(ByteBuffer.wrap(bytes(rest)));
            check.finish();
        }
    }

    @Test
    void allDevicesCanGo() throws Exception {
        byte[] with = stream(false).vmDescription().build();

        StreamFile rest = cut(with, "0000:00:01.0/virtio-blk", "timer").content();

        StreamSurvey.Result found = StreamSurvey.run(rest, 0, new StreamSurvey.Effort(true, Long.MAX_VALUE));
        assertThat(found.obstacle()).isNull();
        assertThat(found.stream().facts().devices()).isEmpty();
    }

    @Test
    void memoryAndWhatIsNotThereAreRefused() {
        byte[] stream = stream(false).vmDescription().build();

        assertThat(refusal(stream, "ram").kind()).isEqualTo(FailureKind.USAGE);
        assertThat(refusal(stream, "pbs-state")).hasMessageContaining("no section 'pbs-state'");
    }

    @Test
    void aSectionWhoseEndNothingTellsIsRefusedByName() {
        byte[] stream = new MigrationStreamBuilder()
                .withoutFooters()
                .header(3)
                .ram(pages -> {})
                .devices()
                .eof()
                .build();

        StateferryException failure = refusal(stream, "timer");

        assertThat(failure).hasMessageContaining("section 'timer' cannot be left out");
        assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_UNFIT);
        assertThat(failure.offset()).isPositive();
    }

    private static MigrationStreamBuilder stream(boolean proxmox) {
        MigrationStreamBuilder stream = new MigrationStreamBuilder().header(3).machineType("pc-q35-7.2");
        if (proxmox) {
            part(stream.sectionHead(1, 7, "pbs-state", 0, 1));
        }
        stream.ramStart().ramPart(pages -> pages.page("pc.ram", 0).zeroPage(1));
        if (proxmox) {
            part(stream.u8(2).u32(7));
            part(stream.u8(3).u32(7));
        }
        return stream.ramEnd().devices();
    }

    private static void part(MigrationStreamBuilder stream) {
        stream.i64(3).ascii("abc").footer(7);
    }

    private static StateferryException refusal(byte[] stream, String name) {
        return catchThrowableOfType(StateferryException.class, () -> cut(stream, name));
    }

    private static SectionCut.Result cut(byte[] bytes, String... names) throws StateferryException {
        ComposedStream file = new ComposedStream(Path.of("dump"), List.of(new ComposedStream.Bytes(bytes)));
        MigrationStream stream = StreamSurvey.run(file, 0, new StreamSurvey.Effort(true, Long.MAX_VALUE)).stream();
        return SectionCut.run(file, file, stream, List.of(names));
    }

    private static byte[] bytes(StreamFile stream) throws StateferryException {
        return stream.read(0, (int) stream.size()).array();
    }
}
