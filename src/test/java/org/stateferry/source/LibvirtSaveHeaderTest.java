package org.stateferry.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.LibvirtSaveBuilder;

class LibvirtSaveHeaderTest {
    private static final Path FILE = Path.of("vm.save");

    private static LibvirtSaveHeader parse(byte[] content) throws StateferryException {
        ByteBuffer start = ByteBuffer.wrap(Arrays.copyOf(content, Math.min(content.length, LibvirtSaveHeader.SIZE)));
        return LibvirtSaveHeader.parse(start, FILE, content.length);
    }

    private static StateferryException refusal(LibvirtSaveBuilder save) {
        return catchThrowableOfType(StateferryException.class, () -> parse(save.build()));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void theByteOrderIsThatOfTheHostThatWroteIt(boolean little) throws Exception {
        ByteOrder order = little ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN;

        LibvirtSaveHeader header =
                parse(LibvirtSaveBuilder.valid().order(order).format(5).build());

        int xmlSize = LibvirtSaveBuilder.DOMAIN.length() + 1;
        int textSize = xmlSize + "<cookie/>".length() + 1 + 64;
        assertThat(header).isEqualTo(new LibvirtSaveHeader(true, order, 2, textSize, true, SaveFormat.ZSTD, xmlSize));
        assertThat(header.domainXmlSize()).isEqualTo(xmlSize);
        assertThat(header.payloadOffset()).isEqualTo(92 + textSize);
    }

    @Test
    void withoutACookieTheWholeTextIsTheDomains() throws Exception {
        LibvirtSaveHeader header =
                parse(LibvirtSaveBuilder.valid().cookieOffset(0).wasRunning(0).build());

        assertThat(header.domainXmlSize()).isEqualTo(header.textSize());
        assertThat(header.wasRunning()).isFalse();
    }

    @Test
    void anUnfinishedFileIsKnownByItsMagic() throws Exception {
        assertThat(parse(LibvirtSaveBuilder.valid().magic("LibvirtQemudPart").build())
                        .complete())
                .isFalse();
    }

    @Test
    void inVersion1ThePayloadIsNeverCompressed() throws Exception {
        assertThat(parse(LibvirtSaveBuilder.valid().version(1).format(99).build())
                        .format())
                .isEqualTo(SaveFormat.RAW);
    }

    @ParameterizedTest
    @EnumSource(SaveFormat.class)
    void everyFormatHasItsNumber(SaveFormat format) throws Exception {
        assertThat(parse(LibvirtSaveBuilder.valid().format(format.ordinal()).build())
                        .format())
                .isEqualTo(format);
    }

    @ParameterizedTest
    @CsvSource({"0", "3", "-1", "50331648"})
    void aVersionThatIsNotKnownIsRefused(int version) {
        StateferryException refusal = refusal(LibvirtSaveBuilder.valid().version(version));

        assertThat(refusal.kind()).isEqualTo(FailureKind.DUMP_UNFIT);
        assertThat(refusal.offset()).isEqualTo(16);
    }

    @ParameterizedTest
    @ValueSource(ints = {7, -1, Integer.MIN_VALUE})
    void aFormatThatIsNotKnownIsRefused(int format) {
        StateferryException refusal = refusal(LibvirtSaveBuilder.valid().format(format));

        assertThat(refusal.kind()).isEqualTo(FailureKind.DUMP_UNFIT);
        assertThat(refusal.problem()).contains(Integer.toUnsignedString(format));
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 0xffff_fff0L, 0x7fff_ffffL, 100_000, 8 * 1024 * 1024 + 1})
    void aTextThatDoesNotFitIsRefusedBeforeItIsRead(long size) {
        StateferryException refusal = refusal(LibvirtSaveBuilder.valid().textSize(size));

        assertThat(refusal.kind()).isEqualTo(FailureKind.DUMP_INVALID);
        assertThat(refusal.offset()).isEqualTo(20);
    }

    @ParameterizedTest
    @ValueSource(longs = {0xffff_ffffL, 1_000_000})
    void aCookieOutsideTheTextIsRefused(long offset) {
        StateferryException refusal = refusal(LibvirtSaveBuilder.valid().cookieOffset(offset));

        assertThat(refusal.kind()).isEqualTo(FailureKind.DUMP_INVALID);
        assertThat(refusal.offset()).isEqualTo(32);
    }

    @ParameterizedTest
    @ValueSource(ints = {16, 20, 91})
    void aHeaderThatIsCutOffIsRefused(int size) {
        byte[] cut = Arrays.copyOf(LibvirtSaveBuilder.valid().build(), size);

        StateferryException refusal = catchThrowableOfType(StateferryException.class, () -> parse(cut));

        assertThat(refusal.kind()).isEqualTo(FailureKind.DUMP_INVALID);
        assertThat(refusal.offset()).isEqualTo(size);
    }
}
