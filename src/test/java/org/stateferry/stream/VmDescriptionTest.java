package org.stateferry.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.MigrationStreamBuilder;

class VmDescriptionTest {
    @Test
    void payloadSizesAddUpFieldsArraysAndSubsections() throws Exception {
        String inner = "{\"vmsd_name\": \"in\", \"fields\": [{\"size\": 3}], \"subsections\": []}";
        String middle = "{\"vmsd_name\": \"mid\", \"fields\": [{\"size\": 5, \"array_len\": 2}], \"subsections\": ["
                + inner + "]}";
        VmDescription found = find(
                text(
                        "{\"name\": \"a\", \"instance_id\": 7, \"version\": 3, \"fields\": ["
                                + "{\"name\": \"x\", \"size\": 100, \"index\": 4},"
                                + "{\"size\": 20, \"struct\": {\"fields\": [{\"size\": 9999}]}}], \"subsections\": ["
                                + middle
                                + "]}, {\"name\": \"old\", \"instance_id\": 4294967295, \"fields\": [{\"name\": \"data\", \"size\": 8}]}"));
        long subsections = (6 + 3 + 10) + (6 + 2 + 3);
        assertThat(found.devices())
                .isEqualTo(List.of(
                        new DeviceState("a", 7, 3, 120 + subsections, true),
                        new DeviceState("old", 0xffff_ffffL, DeviceState.NO_VERSION, 8, true)));
    }

    @Test
    void aStreamWithoutOneHasNone() throws Exception {
        assertThat(find("\0\0\0{".repeat(10))).isNull();
        assertThat(find("")).isNull();
    }

    @Test
    void itsOffsetCountsFromTheStreamsBeginning() throws Exception {
        byte[] stream = MigrationStreamBuilder.valid().build();
        VmDescription found = Streams.open(stream).vmDescription();
        assertThat((char) stream[(int) found.extent().offset()]).isEqualTo('{');
        assertThat(stream[(int) found.recordOffset()]).isEqualTo((byte) 6);
        assertThat(found.extent().offset() + found.extent().length()).isEqualTo(stream.length);
    }

    @Test
    void damagedTextsAreRefused() {
        refused("{}", "no devices");
        refused("{\"page_size\": 4096}", "no devices");
        refused("{\"devices\": []}", ": 0 is not a page size");
        refused("{\"page_size\": 4095, \"devices\": []}", "4095 is not a page size");
        refused("{\"page_size\": 4096, \"devices\": {}}", "list of devices");
        refused("{\"page_size\": 4096, \"devices\": [1]}", "device or subsection");
        refused("{\"page_size\": 4096, \"devices\": []} 1", "text follows");
        refused("{\"page_size\": 4096, \"devices\": [}", "damaged");
        refused("{\"page_size\": 99999999999999999999, \"devices\": []}", "damaged");
        refusedDevice("{\"fields\": []}", "without a name");
        refusedDevice("{\"name\": 1}", "a name is expected");
        refusedDevice("{\"name\": \"\\u001b\"}", "control characters");
        refusedDevice("{\"name\": \"" + "x".repeat(256) + "\"}", "256 characters");
        refusedDevice("{\"name\": \"a\", \"instance_id\": \"\"}", "number is expected");
        refusedDevice("{\"name\": \"a\", \"fields\": [{}]}", "without a size");
        refusedDevice("{\"name\": \"a\", \"fields\": [{\"size\": -1}]}", "negative");
        refusedDevice("{\"name\": \"a\", \"fields\": [{\"size\": 1.5}]}", "number is expected");
        refusedDevice("{\"name\": \"a\", \"subsections\": [{}]}", "without a name");
    }

    @Test
    void sizesThatOverflowAreRefused() {
        String huge = Long.toString(Long.MAX_VALUE);
        refusedDevice("{\"name\": \"a\", \"fields\": [{\"size\": " + huge + ", \"array_len\": 2}]}", "overflows");
        refusedDevice("{\"name\": \"a\", \"fields\": [{\"size\": " + huge + "}, {\"size\": 1}]}", "overflows");
    }

    @Test
    void deepNestingIsRefusedWithoutAStackOverflow() {
        refusedDevice("{\"name\": \"a\", \"x\": " + "[".repeat(100_000), "damaged");
        refusedDevice("{\"subsections\": [".repeat(100_000), "damaged");
    }

    @Test
    void guestMemoryThatLooksLikeTheBeginningOfOneIsNotTakenForOne() throws Exception {
        assertThat(find("\0\6\0\0\1\0{\"page_size\"\0\0\0\0")).isNull();
    }

    private static void refusedDevice(String device, String message) {
        refused("{\"page_size\": 4096, \"devices\": [" + device + "]}", message);
    }

    private static void refused(String json, String message) {
        StateferryException failure = refusal(record(json));
        assertThat(failure).as(json.substring(0, Math.min(99, json.length()))).isNotNull();
        assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_INVALID);
        assertThat(failure).hasMessageContaining(message);
    }

    private static StateferryException refusal(String tail) {
        return catchThrowableOfType(StateferryException.class, () -> find(tail));
    }

    private static String text(String devices) {
        return record("{\"page_size\": 4096, \"devices\": [" + devices + "]}");
    }

    private static String record(String json) {
        return latin1(new MigrationStreamBuilder().vmDescription(json).build());
    }

    private static @Nullable VmDescription find(String tail) throws StateferryException {
        byte[] bytes = tail.getBytes(StandardCharsets.ISO_8859_1);
        return VmDescription.atEnd(Streams.FILE, 0, ByteBuffer.wrap(bytes), bytes.length);
    }

    private static String latin1(byte[] bytes) {
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }
}
